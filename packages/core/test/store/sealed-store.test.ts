import { execFile } from 'node:child_process'
import { createSecretKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { inspect, promisify } from 'node:util'
import { CompactEncrypt, compactDecrypt, decodeProtectedHeader } from 'jose'
import { describe, expect, test } from 'vitest'
import { memoryStore, type SealingKey, sealedStore, type TokenStore, TokenStoreError } from '../../src/index.js'

const newKey = (id: string) => ({ id, key: randomBytes(32) })
const record = (version: string, value: string) => ({ version, value, keepForMs: undefined })

async function sealedText(inner: TokenStore, key: string): Promise<string> {
  const kept = await inner.get(key)
  if (kept === undefined) throw new Error('nothing is kept')
  return kept.value
}

async function refusedOpening(opening: Promise<unknown>): Promise<TokenStoreError> {
  const error = await opening.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!(error instanceof TokenStoreError)) throw new Error('it opened, or failed for another reason', { cause: error })
  expect(error).toMatchObject({ code: 'ERR_TOKEN_STORE', operation: 'get', retryable: false })
  expect(error).not.toHaveProperty('cause')
  return error
}

describe('sealedStore', () => {
  test('gives back what was put in, whatever the characters and the length', async () => {
    const store = sealedStore(memoryStore(), { keys: [newKey('k1')] })
    const values = ['', 'a', '{"a":"b"}', 'ü€😀', '\0\u2028"\\', '\ud800 half a pair', 'x'.repeat(1_000_000)]
    for (const [index, value] of values.entries()) {
      expect(await store.compareAndSet(`r${index}`, undefined, record('v1', value))).toBe(true)
      expect(await store.get(`r${index}`)).toEqual({ version: 'v1', value })
    }
    expect(await store.get('none')).toBeUndefined()
  })

  test('keeps a compact JWE whose protected header names key, record and version, and nothing else', async () => {
    const key = newKey('k1')
    const inner = memoryStore()
    await sealedStore(inner, { keys: [key] }).compareAndSet('r1', undefined, record('v1', 'the value'))
    const sealed = await sealedText(inner, 'r1')
    const header = { alg: 'dir', enc: 'A256GCM', kid: 'k1', record_key: 'r1', record_version: 'v1' }
    expect(decodeProtectedHeader(sealed)).toEqual(header)
    const { plaintext } = await compactDecrypt(sealed, key.key)
    expect(JSON.parse(Buffer.from(plaintext).toString())).toBe('the value')
  })

  test('keeps nothing of a value in the clear, in no encoding', async () => {
    const secret = 'mkr-refresh-token'
    const inner = memoryStore()
    const store = sealedStore(inner, { keys: [newKey('k1')] })
    await store.compareAndSet('r1', undefined, record('v1', JSON.stringify({ refreshToken: secret })))
    const { version, value } = (await inner.get('r1')) ?? {}
    expect(version).toBe('v1')
    const decoded = value?.split('.').map(part => Buffer.from(part, 'base64url').toString('latin1'))
    expect([value, ...(decoded ?? [])].join()).not.toContain('mkr')
  })

  test('seals the same record differently each time', async () => {
    const inner = memoryStore()
    const store = sealedStore(inner, { keys: [newKey('k1')] })
    const texts = new Set<string>()
    for (let count = 0; count < 100; count++) {
      await store.compareAndSet('r1', undefined, record('v1', 'value'))
      texts.add(await sealedText(inner, 'r1'))
      await store.delete('r1', 'v1')
    }
    expect(texts.size).toBe(100)
    expect(new Set([...texts].map(text => text.split('.')[2])).size).toBe(100)
  })

  test('says true again to the very same record, and changes nothing', async () => {
    const inner = memoryStore()
    const store = sealedStore(inner, { keys: [newKey('k1')] })
    expect(await store.compareAndSet('r1', undefined, record('v1', 'value'))).toBe(true)
    const sealed = await sealedText(inner, 'r1')
    expect(await store.compareAndSet('r1', undefined, record('v1', 'value'))).toBe(true)
    expect(await sealedText(inner, 'r1')).toBe(sealed)
    expect(await store.compareAndSet('r1', undefined, record('v2', 'other'))).toBe(false)
    expect(await store.get('r1')).toEqual({ version: 'v1', value: 'value' })
  })
})

describe('changing the key', () => {
  test('opens with every key and seals with the first, so that what is written moves to it', async () => {
    const [before, after] = [newKey('2025'), newKey('2026')]
    const inner = memoryStore()
    await sealedStore(inner, { keys: [before] }).compareAndSet('r1', undefined, record('v1', 'value'))

    const both = sealedStore(inner, { keys: [after, before] })
    expect(await both.get('r1')).toEqual({ version: 'v1', value: 'value' })
    expect(decodeProtectedHeader(await sealedText(inner, 'r1')).kid).toBe('2025')
    expect(await both.compareAndSet('r1', 'v1', record('v2', 'value'))).toBe(true)
    expect(decodeProtectedHeader(await sealedText(inner, 'r1')).kid).toBe('2026')

    expect(await sealedStore(inner, { keys: [after] }).get('r1')).toEqual({ version: 'v2', value: 'value' })
  })

  test('names the key that is missing, and does not take the record for absent', async () => {
    const inner = memoryStore()
    await sealedStore(inner, { keys: [newKey('2025')] }).compareAndSet('r1', undefined, record('v1', 'value'))
    const store = sealedStore(inner, { keys: [newKey('2026')] })
    expect((await refusedOpening(store.get('r1'))).message).toMatch(/r1 is sealed with the key 2025, .*add it again/)
    expect(await store.compareAndSet('r1', undefined, record('v2', 'other'))).toBe(false)
  })

  test('does not open with another key of the same id', async () => {
    const inner = memoryStore()
    await sealedStore(inner, { keys: [newKey('k1')] }).compareAndSet('r1', undefined, record('v1', 'value'))
    const store = sealedStore(inner, { keys: [newKey('k1')] })
    expect((await refusedOpening(store.get('r1'))).message).toMatch(/r1 does not open with the key k1/)
  })
})

describe('a record that was not left as it was', () => {
  const key = newKey('k1')
  const other = newKey('k2')
  /** A store with `value` sealed in r1 as v1, and what is kept of that handed to `change`, for r1 or for another key. */
  async function changed(change: (sealed: string) => string | Promise<string>, { to = 'r1', version = 'v1' } = {}) {
    const origin = memoryStore()
    await sealedStore(origin, { keys: [key, other] }).compareAndSet('r1', undefined, record('v1', 'mkr-value'))
    const inner = memoryStore()
    await inner.compareAndSet(to, undefined, record(version, await change(await sealedText(origin, 'r1'))))
    return sealedStore(inner, { keys: [key, other] })
  }
  const withHeader = (sealed: string, members: object) => {
    const header = JSON.stringify({ ...decodeProtectedHeader(sealed), ...members })
    return sealed.replace(/^[^.]+/, Buffer.from(header).toString('base64url'))
  }

  test('opens as long as it is the same', async () => {
    const store = await changed(sealed => sealed)
    expect(await store.get('r1')).toEqual({ version: 'v1', value: 'mkr-value' })
  })

  test('does not open under another key', async () => {
    const store = await changed(sealed => sealed, { to: 'r2' })
    expect((await refusedOpening(store.get('r2'))).message).toMatch(/r2 does not open/)
  })

  test('does not open with another version', async () => {
    const store = await changed(sealed => sealed, { version: 'v2' })
    expect((await refusedOpening(store.get('r1'))).message).toMatch(/does not open/)
  })

  test('does not open under another key with a header that says it belongs there', async () => {
    const store = await changed(sealed => withHeader(sealed, { record_key: 'r2' }), { to: 'r2' })
    expect((await refusedOpening(store.get('r2'))).message).toMatch(/does not open/)
  })

  test('does not open with another version and a header that says so', async () => {
    const store = await changed(sealed => withHeader(sealed, { record_version: 'v2' }), { version: 'v2' })
    expect((await refusedOpening(store.get('r1'))).message).toMatch(/does not open/)
  })

  test('does not open with a header that names another of the keys', async () => {
    const store = await changed(sealed => withHeader(sealed, { kid: 'k2' }))
    expect((await refusedOpening(store.get('r1'))).message).toMatch(/does not open with the key k2/)
  })

  test.each([0, 2, 3, 4])('does not open once part %i is another', async index => {
    const store = await changed(sealed => {
      const parts = sealed.split('.')
      const bytes = Buffer.from(parts[index] ?? '', 'base64url')
      bytes.writeUInt8(bytes.readUInt8(3) ^ 1, 3)
      parts[index] = bytes.toString('base64url')
      return parts.join('.')
    })
    await refusedOpening(store.get('r1'))
  })

  test('does not open when a part is cut short or missing', async () => {
    for (const cut of [/.{4}$/, /\.[^.]*$/, /^[^.]*/])
      await refusedOpening((await changed(sealed => sealed.replace(cut, ''))).get('r1'))
  })

  const foreign: [string, object, string][] = [
    ['without record and version', { alg: 'dir', enc: 'A256GCM', kid: 'k1' }, '"mkr-value"'],
    [
      'that is no JSON',
      { alg: 'dir', enc: 'A256GCM', kid: 'k1', record_key: 'r1', record_version: 'v1' },
      'mkr-value is no JSON',
    ],
    ['that wraps its key', { alg: 'A256KW', enc: 'A256GCM', kid: 'k1' }, '"mkr-value"'],
  ]
  test.each(foreign)('does not open what the same key sealed elsewhere: %s', async (_, header, text) => {
    const plaintext = new TextEncoder().encode(text)
    const sealed = new CompactEncrypt(plaintext).setProtectedHeader({ alg: 'dir', enc: 'A256GCM', ...header })
    const error = await refusedOpening((await changed(() => sealed.encrypt(key.key))).get('r1'))
    expect(inspect(error)).not.toContain('mkr')
  })

  const never = `${Buffer.from('{"alg":"dir","kid":"mkr ü"}').toString('base64url')}.....`
  const jwt = `${Buffer.from('{"alg":"RS256","kid":"mkr"}').toString('base64url')}.mkr.mkr`
  test.each(['', 'mkr-value', '{"refreshToken":"mkr-value"}', 'mkr..mkr.mkr.mkr', never, jwt])(
    'is refused when it was never sealed, and not shown: %s',
    async value => {
      const error = await refusedOpening((await changed(() => value)).get('r1'))
      expect(error.message).toMatch(/r1 is not sealed/)
      expect(inspect(error, { showHidden: true, depth: 9 })).not.toContain(value || 'mkr')
      expect(`${inspect(error)}${error.stack}${JSON.stringify(error)}`).not.toMatch(/refreshToken|mkr/)
    },
  )
})

describe('what is not about values', () => {
  /** Counts on `this`, and has neither `watch` nor `close`. */
  class OwnStore implements TokenStore {
    readonly calls: unknown[][] = []
    async get(...given: unknown[]) {
      this.calls.push(['get', ...given])
      return undefined
    }
    async compareAndSet(
      key: string,
      expected: string | undefined,
      { version, keepForMs }: { version: string; keepForMs: number | undefined },
    ) {
      this.calls.push(['compareAndSet', key, expected, version, keepForMs])
      return true
    }
    async delete(...given: unknown[]) {
      this.calls.push(['delete', ...given])
      return true
    }
    async lease(...given: unknown[]) {
      this.calls.push(['lease', ...given])
      return false
    }
    async release(...given: unknown[]) {
      this.calls.push(['release', ...given])
    }
  }
  class WatchedStore extends OwnStore {
    readonly listeners = new Set<unknown>()
    watch(listener: unknown) {
      this.listeners.add(listener)
      return () => void this.listeners.delete(listener)
    }
    async close() {
      this.calls.push(['close'])
    }
  }

  test('is passed on to the store, as methods of it', async () => {
    const inner = new WatchedStore()
    const store = sealedStore(inner, { keys: [newKey('k1')] })
    expect(await store.get('r1')).toBeUndefined()
    expect(await store.compareAndSet('r1', 'v0', { version: 'v1', value: 'value', keepForMs: 5_000 })).toBe(true)
    expect(await store.delete('r1', 'v1')).toBe(true)
    expect(await store.lease('r1', 'h1', 1_000)).toBe(false)
    await store.release('r1', 'h1')
    await store.close?.()
    expect(inner.calls).toEqual([
      ['get', 'r1'],
      ['compareAndSet', 'r1', 'v0', 'v1', 5_000],
      ['delete', 'r1', 'v1'],
      ['lease', 'r1', 'h1', 1_000],
      ['release', 'r1', 'h1'],
      ['close'],
    ])
  })

  test('tells of changes where the store does', async () => {
    const inner = new WatchedStore()
    const listener = () => {}
    const stop = sealedStore(inner, { keys: [newKey('k1')] }).watch?.(listener)
    expect([...inner.listeners]).toEqual([listener])
    stop?.()
    expect(inner.listeners.size).toBe(0)
  })

  test('has neither watch nor close where the store has none', () => {
    const store = sealedStore(new OwnStore(), { keys: [newKey('k1')] })
    expect(store).not.toHaveProperty('watch')
    expect(store).not.toHaveProperty('close')
  })

  test('gives on the error of the store as it is', async () => {
    const inner = memoryStore()
    const down = new Error('connection lost')
    const failing = { ...inner, get: () => Promise.reject(down), compareAndSet: () => Promise.reject(down) }
    const store = sealedStore(failing, { keys: [newKey('k1')] })
    await expect(store.get('r1')).rejects.toBe(down)
    await expect(store.compareAndSet('r1', undefined, record('v1', 'value'))).rejects.toBe(down)
  })

  test('is sealed, whatever the store is', () => {
    const keys = [newKey('k1')]
    for (const secrecy of [undefined, 'process', 'elsewhere', 'sealed'] as const)
      expect(sealedStore({ ...memoryStore(), secrecy }, { keys }).secrecy).toBe('sealed')
  })
})

describe('keys', () => {
  const bytes = randomBytes(32)
  // both letters that differ between the alphabets
  bytes.set([0xfb, 0xff, 0xfe])
  const forms: Record<string, SealingKey['key']> = {
    'a Buffer': bytes,
    'a Uint8Array': new Uint8Array(bytes),
    base64: bytes.toString('base64'),
    'base64 without padding': bytes.toString('base64').replace('=', ''),
    'base64 as it stands in a file': `${bytes.toString('base64')}\n`,
    base64url: bytes.toString('base64url'),
    'base64url with padding': `${bytes.toString('base64url')}=`,
    'a secret KeyObject': createSecretKey(bytes),
  }
  test.each(Object.entries(forms))('takes a key as %s', async (_, key) => {
    const inner = memoryStore()
    await sealedStore(inner, { keys: [{ id: 'k1', key }] }).compareAndSet('r1', undefined, record('v1', 'value'))
    const { plaintext } = await compactDecrypt(await sealedText(inner, 'r1'), bytes)
    expect(Buffer.from(plaintext).toString()).toBe('"value"')
  })

  test('are read once: what becomes of the options and the bytes later does not matter', async () => {
    const given = Buffer.from(bytes)
    const keys = [{ id: 'k1', key: given }]
    const inner = memoryStore()
    const store = sealedStore(inner, { keys })
    given.fill(0)
    keys.length = 0
    await store.compareAndSet('r1', undefined, record('v1', 'value'))
    await compactDecrypt(await sealedText(inner, 'r1'), bytes)
  })

  test('are shown by nothing that can be looked at', () => {
    const store = sealedStore(memoryStore(), { keys: [{ id: 'mkr-id', key: bytes.toString('base64') }] })
    const shown = [
      inspect(store, { showHidden: true, depth: 9, getters: true }),
      JSON.stringify(store),
      ...Object.values(store).map(member => String(member)),
    ].join('\n')
    for (const form of ['base64', 'base64url', 'hex', 'latin1'] as const)
      expect(shown).not.toContain(bytes.toString(form).slice(0, 8))
    expect(shown).not.toContain('mkr-id')
    expect(shown).not.toMatch(/fb ff fe|251, 255, 254/)
  })

  const rsa = generateKeyPairSync('ed25519').privateKey
  const keyed = (key: unknown) => ({ keys: [{ id: 'k1', key }] })
  const refused: [string, unknown, string, RegExp][] = [
    ['no options', undefined, 'sealedStore()', /takes one options object/],
    ['an option that is none', { keys: [newKey('k1')], key: bytes }, 'key', /not an option of sealedStore/],
    ['a misspelt option', { Keys: [newKey('k1')] }, 'Keys', /did you mean keys/],
    ['no keys', {}, 'keys', /must be a list of \{ id, key \}/],
    ['one key without a list', { keys: newKey('k1') }, 'keys', /must be a list/],
    ['an empty list', { keys: [] }, 'keys', /must not be empty; openssl rand -base64 32/],
    ['the same id twice', { keys: [newKey('k1'), newKey('k2'), newKey('k1')] }, 'keys', /two keys with one id/],
    ['a key without an id', { keys: [bytes.toString('base64')] }, 'keys[0]', /must be an object \{ id, key \}/],
    ['an id that is no text', { keys: [newKey('k1'), { id: 2, key: bytes }] }, 'keys[1].id', /must be a string/],
    ['an empty id', { keys: [newKey('')] }, 'keys[0].id', /must not be empty/],
    ['an id with other characters', { keys: [newKey('mkr id')] }, 'keys[0].id', /at most 100 letters/],
    ['a long id', { keys: [newKey('k'.repeat(101))] }, 'keys[0].id', /at most 100/],
    ['no key', keyed(undefined), 'keys[0].key', /is undefined: an environment variable that is not set\? openssl rand/],
    ['a key of 16 bytes', keyed(randomBytes(16)), 'keys[0].key', /32 bytes, got 16; openssl rand -base64 32/],
    ['text of 33 bytes', keyed(randomBytes(33).toString('base64')), 'keys[0].key', /32 bytes, got 33/],
    ['empty text', keyed(''), 'keys[0].key', /is empty: an environment variable that is not set\? openssl rand/],
    ['hexadecimal text', keyed(bytes.toString('hex')), 'keys[0].key', /Buffer.from\(key, 'hex'\)/],
    ['a passphrase', keyed('mkr correct horse battery staple'), 'keys[0].key', /not a passphrase; openssl rand/],
    ['a passphrase of one word', keyed('mkrhunter2'), 'keys[0].key', /32 bytes, got 7; openssl rand/],
    [
      'a passphrase of 32 bytes',
      keyed(Buffer.from('mkr-passphrase-of-32-characters!')),
      'keys[0].key',
      /readable text, not random bytes/,
    ],
    ['a Buffer that was never filled', keyed(Buffer.alloc(32)), 'keys[0].key', /nothing but zeros/],
    ['a private KeyObject', keyed(rsa), 'keys[0].key', /secret KeyObject, got a private one/],
    ['a short KeyObject', keyed(createSecretKey(randomBytes(24))), 'keys[0].key', /32 bytes, got 24/],
  ]
  test.each(refused)('refuses %s, says what to do, and shows nothing of it', (_, options, option, message) => {
    let error: unknown
    try {
      sealedStore(memoryStore(), options as never)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(TypeError)
    expect(error).toMatchObject({ code: 'ERR_OPTION', option, message: expect.stringMatching(message) })
    for (const secret of ['mkr', bytes.toString('base64').slice(0, 8), bytes.toString('hex').slice(0, 8)])
      expect(inspect(error, { showHidden: true })).not.toContain(secret)
  })

  test.each([undefined, null, {}, { ...memoryStore(), lease: undefined }])('refuses what is no store: %#', store => {
    expect(() => sealedStore(store as never, { keys: [newKey('k1')] })).toThrow(
      /^store: (?:lacks \w+\(\); it )?must be a TokenStore such as memoryStore\(\), or redisStore\(\) in sealedStore\(\)$/,
    )
  })
})

test('jose is loaded when a sealed store is made, not at its first use, and not by those who make none', async () => {
  const script = fileURLToPath(new URL('../fixtures/jose-loaded.mjs', import.meta.url))
  const run = async (...args: string[]) => (await promisify(execFile)(process.execPath, [script, ...args])).stdout
  expect(await run('sealed')).toBe('jose\n')
  expect(await run()).toBe('')
})
