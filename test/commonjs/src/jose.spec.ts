import { memoryStore, sealedStore } from '@grantkit/core'

test('a sealed store seals and opens', async () => {
  const store = sealedStore(memoryStore(), { keys: [{ id: '2026-11', key: Buffer.alloc(32, 1) }] })
  await store.compareAndSet('key', undefined, { version: '1', value: 'held', keepForMs: 60_000 })
  expect(await store.get('key')).toEqual({ version: '1', value: 'held' })
})
