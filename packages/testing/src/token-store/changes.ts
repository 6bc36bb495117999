/** Changes: told of as hints. One may be lost, so each case writes until it hears of a write. */
import assert from 'node:assert/strict'
import type { TokenStore } from '@grantkit/core'
import { created, eventually, recordOf, type TokenStoreCase } from './scene.js'

export const changes: readonly TokenStoreCase[] = [
  {
    name: 'tells of writes and deletions by itself',
    async run({ here, key }) {
      await tellsOf(here, here, key)
    },
  },
  {
    name: 'tells of writes and deletions in another process',
    async run({ here, there, key }) {
      await tellsOf(there, here, key)
    },
  },
  {
    name: 'tells a listener nothing more once it has unsubscribed, and the others as before',
    async run({ here, there, key }) {
      const leaving = listenTo(here)
      const staying = listenTo(here)
      await writeUntilTold(there, key, leaving.hints)
      leaving.stop()
      const heard = leaving.hints.length
      await writeUntilTold(here, key, staying.hints)
      await writeUntilTold(there, key, staying.hints)
      leaving.stop()
      await writeUntilTold(there, key, staying.hints)
      assert.equal(leaving.hints.length, heard, 'was told of something after it had unsubscribed')
      staying.stop()
    },
  },
  {
    name: 'lets a listener that throws harm nobody',
    async run({ here, there, key }) {
      const fail = () => {
        throw new Error('thrown by a listener of the contract')
      }
      const stops = [watch(here, fail)]
      try {
        const { hints, stop } = listenTo(here)
        stops.push(stop, watch(here, fail))
        await writeUntilTold(here, key, hints)
        await writeUntilTold(there, key, hints)
        const kept = await here.get(key)
        assert.equal(await here.delete(key, kept?.version ?? ''), true)
        await created(here, key, 'again')
      } finally {
        for (const stop of stops) stop()
      }
    },
  },
  {
    name: 'goes on telling after another store of the same backend was closed',
    async run({ here, there, key }) {
      const { hints, stop } = listenTo(here)
      watch(there, () => {})
      await there.close?.()
      await writeUntilTold(here, key, hints)
      stop()
    },
  },
  {
    name: 'can be closed while a listener is there',
    async run({ here }) {
      watch(here, () => {})
      await here.close?.()
    },
  },
]

/** In place of those, where the setup says that there is no `watch()`. */
export const noChanges: readonly TokenStoreCase[] = [
  {
    name: 'has no watch()',
    async run({ here }) {
      assert.equal(here.watch, undefined, 'it has a watch(): leave `watches: false` out of the setup')
    },
  },
]

interface Hint {
  readonly key: string
  readonly version: string | undefined
}

function watch(store: TokenStore, listener: (key: string, version: string | undefined) => void): () => void {
  assert.ok(store.watch, 'it has no watch(): say `watches: false` in the setup')
  return store.watch(listener)
}

function listenTo(store: TokenStore): { readonly hints: readonly Hint[]; readonly stop: () => void } {
  const hints: Hint[] = []
  return { hints, stop: watch(store, (key, version) => void hints.push({ key, version })) }
}

async function tellsOf(writer: TokenStore, watcher: TokenStore, key: string): Promise<void> {
  const { hints, stop } = listenTo(watcher)
  const last = await writeUntilTold(writer, key, hints)
  const ofKey = () => hints.filter(hint => hint.key === key)
  assert.equal(
    ofKey().some(({ version }) => version === undefined),
    false,
    'told of a deletion before there was one',
  )
  assert.equal(await writer.delete(key, last), true)
  await eventually('the deletion is told of', () => ofKey().some(({ version }) => version === undefined))
  stop()
}

/** Writes one version after another until one of them was told of; returns the last. */
async function writeUntilTold(writer: TokenStore, key: string, hints: readonly Hint[]): Promise<string> {
  const written: string[] = []
  let last = (await writer.get(key))?.version
  await eventually('a write is told of', async () => {
    const record = recordOf(`number ${written.length}`)
    assert.equal(await writer.compareAndSet(key, last, record), true)
    last = record.version
    written.push(last)
    return hints.some(hint => hint.key === key && written.includes(hint.version ?? ''))
  })
  return last ?? ''
}
