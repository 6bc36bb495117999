/** What authors of stores and integrations write: `npm run typecheck` compiles this, nothing runs it. */
import { expectTypeOf } from 'vitest'
import { memoryStore, sealedStore, type TokenSource, type TokenStore } from '../../src/index.js'
import {
  type Attached,
  attach,
  changeListeners,
  checkNumber,
  checkText,
  type Origins,
  parseOrigins,
  type RecordToKeep,
  type StoredRecord,
} from '../../src/kit.js'

// a store is five operations; the rest may be left out
const { watch } = changeListeners(() => undefined)
const store: TokenStore = {
  get: async () => ({ version: '1', value: 'text' }),
  compareAndSet: async (key, expected, record) => {
    expectTypeOf(key).toEqualTypeOf<string>()
    expectTypeOf(expected).toEqualTypeOf<string | undefined>()
    expectTypeOf(record).toEqualTypeOf<RecordToKeep>()
    return record.keepForMs !== undefined
  },
  delete: async () => true,
  lease: async (_key, _holder, durationMs) => durationMs > 0,
  release: async () => {},
  watch,
}
expectTypeOf(sealedStore(store, { keys: [{ id: '1', key: Buffer.alloc(32) }] })).toEqualTypeOf<TokenStore>()
expectTypeOf(memoryStore()).toEqualTypeOf<TokenStore>()
expectTypeOf(store.get('key')).toEqualTypeOf<Promise<StoredRecord | undefined>>()
// @ts-expect-error a write says whether the record is kept now
const silent: TokenStore = { ...store, compareAndSet: async () => {} }
// @ts-expect-error no store keeps tokens secret by saying nothing that is known
const unknown: TokenStore = { ...store, secrecy: 'yes' }
// @ts-expect-error a sealed store has keys
sealedStore(store)
void [silent, unknown]

// checks tell the compiler what they have checked
export function readOptions(timeoutMs: unknown, prefix: unknown): string {
  // @ts-expect-error not known before
  prefix.length
  checkNumber('timeoutMs', timeoutMs, 1)
  checkText('prefix', prefix)
  expectTypeOf(timeoutMs).toEqualTypeOf<number>()
  return prefix
}

// an integration needs a source, origins and what is about to be sent
declare const source: TokenSource
const origins = parseOrigins(['https://api.example'])
expectTypeOf(origins).toEqualTypeOf<Origins>()
expectTypeOf(attach(source, origins, { method: 'GET', url: new URL('https://api.example') })).toEqualTypeOf<
  Promise<Attached>
>()
// @ts-expect-error origins are read first, so that a wrong one is refused before any request
attach(source, ['https://api.example'], { method: 'GET', url: 'https://api.example' })
