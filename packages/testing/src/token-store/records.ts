/** Records: read as they were written, and written and deleted only over the version that is kept. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { TokenStore } from '@grantkit/core'
import { assertKept, created, freshKey, recordOf, type Scene, several, type TokenStoreCase, winners } from './scene.js'

/** What stores have lost before: UTF-8 beyond two bytes, quotes, escapes, control characters, a byte order mark, normal forms. */
const values: Readonly<Record<string, string>> = {
  'no characters': '',
  JSON: '{"refresh_token":"a\\"b","n":1e400}',
  'quotes and escapes': `'"\`\\'' \\n \\u0000 %s %00 $1 \${a} {{a}} -- ; \\x`,
  'several alphabets': 'Grüße, Ελλάδα, שלום, 日本, 👩‍👩‍👧, 𝕏',
  'two spellings of one letter': '\u00e9 e\u0301',
  'control characters': String.fromCharCode(...several(31, index => index + 1), 127),
  'all kinds of line ends': '\ufeff first\r\nsecond\rthird\u2028fourth\u0085 \n',
  '1 MiB': randomBytes(768 * 1024).toString('base64'),
}

export const records: readonly TokenStoreCase[] = [
  {
    name: 'has no record where none was written',
    async run({ here, there, key }) {
      await assertKept(here, key, undefined)
      await assertKept(there, key, undefined)
    },
  },
  {
    name: 'shows each process what the other wrote last',
    async run({ here, there, key }) {
      const first = await created(here, key, 'first')
      await assertKept(there, key, first)
      const second = recordOf('second')
      assert.equal(await there.compareAndSet(key, first.version, second), true)
      await assertKept(here, key, second)
    },
  },
  ...Object.entries(values).map(([what, value]) => ({
    name: `gives a value back as it was: ${what}`,
    async run({ here, there, key }: Scene) {
      const record = await created(here, key, value)
      await assertKept(there, key, record)
      const again = recordOf(`${value}${value.slice(0, 10)}`)
      assert.equal(await there.compareAndSet(key, record.version, again), true)
      await assertKept(here, key, again)
    },
  })),
  {
    name: 'keeps keys apart, however alike they are',
    async run({ here, there, key }) {
      const alike = [
        key,
        `${key}-`,
        `-${key}`,
        `_${key}`,
        `${key}A`,
        `${key}a`,
        key.padEnd(99, '_'),
        key.padEnd(100, '_'),
      ]
      const written = await Promise.all(alike.map(one => created(here, one, `of ${one}`)))
      const [first, second] = written
      assert.equal(await here.delete(alike[0] ?? '', first?.version ?? ''), true)
      assert.equal(await here.compareAndSet(alike[1] ?? '', second?.version, recordOf('another')), true)
      await assertKept(there, alike[0] ?? '', undefined)
      for (const [index, record] of written.entries())
        if (index > 1) await assertKept(there, alike[index] ?? '', record)
    },
  },
  {
    name: 'creates a record only where there is none',
    async run({ here, there, key }) {
      const first = await created(here, key, 'first')
      assert.equal(await here.compareAndSet(key, undefined, recordOf('second')), false)
      assert.equal(await there.compareAndSet(key, undefined, recordOf('third')), false)
      await assertKept(there, key, first)
    },
  },
  {
    name: 'replaces a record only where there is one',
    async run({ here, key }) {
      assert.equal(await here.compareAndSet(key, freshKey(), recordOf('of nothing')), false)
      await assertKept(here, key, undefined)
    },
  },
  {
    name: 'refuses a version that is no longer kept, and changes nothing',
    async run({ here, there, key }) {
      const first = await created(here, key, 'first')
      const second = recordOf('second')
      assert.equal(await there.compareAndSet(key, first.version, second), true)
      assert.equal(await here.compareAndSet(key, first.version, recordOf('late')), false)
      assert.equal(await here.compareAndSet(key, freshKey(), recordOf('of a version never written')), false)
      await assertKept(there, key, second)
    },
  },
  {
    name: 'says true again to a creation asked again, and changes nothing',
    async run({ here, there, key }) {
      const record = await created(here, key, 'first')
      assert.equal(await here.compareAndSet(key, undefined, record), true)
      assert.equal(await there.compareAndSet(key, undefined, record), true)
      await assertKept(here, key, record)
    },
  },
  {
    name: 'says true again to a replacement asked again, and changes nothing',
    async run({ here, there, key }) {
      const first = await created(here, key, 'first')
      const second = recordOf('second')
      for (const store of [here, here, there]) assert.equal(await store.compareAndSet(key, first.version, second), true)
      await assertKept(there, key, second)
    },
  },
  {
    name: 'knows a write asked again by its version, though a store around it has sealed the value anew',
    async run({ here, there, key }) {
      const record = await created(here, key, 'sealed once')
      assert.equal(await there.compareAndSet(key, undefined, { ...record, value: 'sealed twice' }), true)
      await assertKept(here, key, record)
    },
  },
  {
    name: 'says false to a write asked again that was written over since',
    async run({ here, there, key }) {
      const first = await created(here, key, 'first')
      const second = recordOf('second')
      const third = recordOf('third')
      assert.equal(await here.compareAndSet(key, first.version, second), true)
      assert.equal(await here.compareAndSet(key, undefined, first), false)
      assert.equal(await there.compareAndSet(key, second.version, third), true)
      assert.equal(await here.compareAndSet(key, first.version, second), false)
      await assertKept(here, key, third)
    },
  },
  {
    name: 'deletes a record only at the version that is kept',
    async run({ here, there, key }) {
      const first = await created(here, key, 'first')
      const second = recordOf('second')
      assert.equal(await here.compareAndSet(key, first.version, second), true)
      assert.equal(await there.delete(key, first.version), false)
      assert.equal(await there.delete(key, freshKey()), false)
      await assertKept(here, key, second)
      assert.equal(await there.delete(key, second.version), true)
      await assertKept(here, key, undefined)
    },
  },
  {
    name: 'says false to a deletion where there is nothing',
    async run({ here, there, key }) {
      assert.equal(await here.delete(key, freshKey()), false)
      const { version } = await created(here, key, 'first')
      assert.equal(await there.delete(key, version), true)
      assert.equal(await here.delete(key, version), false)
    },
  },
  {
    name: 'creates a deleted record again',
    async run({ here, there, key }) {
      const { version } = await created(here, key, 'first')
      assert.equal(await here.delete(key, version), true)
      const second = await created(there, key, 'second')
      assert.equal(await here.delete(key, version), false)
      await assertKept(here, key, second)
    },
  },
  {
    name: 'refuses a version from before a deletion',
    async run({ here, there, key }) {
      const { version } = await created(here, key, 'first')
      assert.equal(await here.delete(key, version), true)
      assert.equal(await there.compareAndSet(key, version, recordOf('late')), false)
      await assertKept(here, key, undefined)
      const second = await created(here, key, 'second')
      assert.equal(await there.compareAndSet(key, version, recordOf('later')), false)
      await assertKept(here, key, second)
    },
  },
  {
    name: 'lets one of 50 create a record',
    async run(scene) {
      await oneOf50Writes(scene, undefined)
    },
  },
  {
    name: 'lets one of 50 write over a version',
    async run(scene) {
      const { version } = await created(scene.here, scene.key, 'first')
      await oneOf50Writes(scene, version)
    },
  },
  {
    name: 'lets one of 50 delete a record',
    async run(scene) {
      const { version } = await created(scene.here, scene.key, 'first')
      const deleted = await winners(scene, several(50, Number), store => store.delete(scene.key, version))
      assert.equal(deleted.length, 1, `${deleted.length} of 50 deleted it`)
    },
  },
  {
    name: 'either writes over a version or deletes it when asked for both at once',
    async run({ here, there, key }) {
      for (let round = 0; round < 10; round++) {
        const first = await created(here, key, 'first')
        const second = recordOf('second')
        const write = () => here.compareAndSet(key, first.version, second)
        const remove = () => there.delete(key, first.version)
        const [written, deleted] = await startBoth(round % 2 === 0, write, remove)
        assert.notEqual(written, deleted, written ? 'did both' : 'did neither')
        await assertKept(here, key, written ? second : undefined)
        if (written) assert.equal(await here.delete(key, second.version), true)
      }
    },
  },
  {
    name: 'loses none of the increments of 8 workers in two processes',
    async run(scene) {
      const { here, key } = scene
      const each = 5
      const total = 8 * each
      await created(here, key, '0')
      await winners(scene, several(8, Number), async store => {
        for (let done = 0; done < each; done++) await increment(store, key, total)
        return true
      })
      assert.equal((await here.get(key))?.value, String(total))
    },
  },
]

async function oneOf50Writes(scene: Scene, expected: string | undefined): Promise<void> {
  const { here, there, key } = scene
  const records = several(50, index => recordOf(`of ${index}`))
  const won = await winners(scene, records, (store, record) => store.compareAndSet(key, expected, record))
  assert.equal(won.length, 1, `${won.length} of 50 wrote it`)
  await assertKept(here, key, won[0])
  await assertKept(there, key, won[0])
}

/** Does both at once, begun in this order or the other. */
async function startBoth<A, B>(inOrder: boolean, first: () => Promise<A>, second: () => Promise<B>): Promise<[A, B]> {
  if (inOrder) return Promise.all([first(), second()])
  const started = second()
  return Promise.all([first(), started])
}

/** Reads and writes until the write is taken. One that is refused shows that another worker's was not: that bounds them. */
async function increment(store: TokenStore, key: string, total: number): Promise<void> {
  for (let refused = 0; refused < total; refused++) {
    const kept = await store.get(key)
    assert.ok(kept, 'the record is gone')
    if (await store.compareAndSet(key, kept.version, recordOf(String(Number(kept.value) + 1)))) return
  }
  assert.fail('writes were refused though nobody else had written')
}
