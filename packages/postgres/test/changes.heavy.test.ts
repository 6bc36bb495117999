import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { TokenStore } from '@grantkit/core'
import { Pool } from 'pg'
import { expect, type TestContext, test, vi } from 'vitest'
import { postgresStore } from '../src/index.js'
import { listen } from '../src/listen.js'
import { recordOf, serverForTests } from './scene.js'

const scene = serverForTests()

/** Writes until the listener is told of a write. */
async function untilHeard(
  heard: { readonly mock: { readonly calls: unknown[][] } },
  writer: TokenStore,
): Promise<void> {
  const before = heard.mock.calls.length
  await vi.waitFor(
    async () => {
      await writer.compareAndSet(crypto.randomUUID(), undefined, recordOf('value')).catch(() => {})
      expect(heard.mock.calls.length).toBeGreaterThan(before)
    },
    { timeout: 60_000 },
  )
}

/** The processes of the server that listen. */
async function listening(pool: Pool): Promise<number[]> {
  const { rows } = await pool.query(`SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%' OR query = 'SELECT 1'`)
  return rows.map(({ pid }) => pid)
}

test('a listener is told of what was written and deleted, and not of what was refused', async context => {
  const { openStore, freshTable } = scene(context)
  const table = await freshTable()
  const reader = openStore({ table })
  const writer = openStore({ table })
  const heard = vi.fn()
  reader.watch?.(heard)
  await untilHeard(heard, writer)
  const [first, second] = [recordOf('first'), recordOf('second')]
  await writer.compareAndSet('key', undefined, first)
  await writer.compareAndSet('key', undefined, recordOf('refused'))
  await writer.delete('key', 'refused')
  await writer.compareAndSet('key', first.version, second)
  await writer.delete('key', second.version)
  const ofKey = () => heard.mock.calls.filter(([key]) => key === 'key')
  await vi.waitFor(() => expect(ofKey().at(-1)).toEqual(['key', undefined]), { timeout: 60_000 })
  expect(ofKey()).toEqual([
    ['key', first.version],
    ['key', second.version],
    ['key', undefined],
  ])
})

test('a store listens again after its connection was ended, several times', async context => {
  const { openPool, openStore, freshTable } = scene(context)
  const table = await freshTable()
  const admin = openPool()
  const pool = openPool()
  const errors = vi.fn()
  pool.on('error', errors)
  const reader = openStore({ table, pool })
  const writer = openStore({ table })
  const heard = vi.fn()
  reader.watch?.(heard)
  await untilHeard(heard, writer)
  for (let round = 0; round < 3; round++) {
    const [pid] = await listening(admin)
    await admin.query('SELECT pg_terminate_backend($1)', [pid])
    await vi.waitFor(async () => expect(await listening(admin)).not.toContain(pid), { timeout: 60_000 })
    await untilHeard(heard, writer)
  }
  expect(errors, 'an error came to the pool of the user').not.toHaveBeenCalled()
})

test('a store goes on through a server that is killed and started again', async context => {
  const { openStore, freshTable, server } = scene(context)
  const table = await freshTable()
  const store = openStore({ table })
  const heard = vi.fn()
  store.watch?.(heard)
  await untilHeard(heard, store)
  const record = recordOf('value')
  await store.compareAndSet('key', undefined, record)
  await server.kill()
  for (let asked = 0; asked < 3; asked++) {
    await expect(store.get('key')).rejects.toThrow()
    await expect(store.compareAndSet('key', record.version, recordOf('next'))).rejects.toThrow()
    await expect(store.lease('key', 'holder', 1_000)).rejects.toThrow()
  }
  await server.restart()
  await vi.waitFor(async () => expect(await store.get('key')).toEqual({ version: record.version, value: 'value' }), {
    timeout: 60_000,
  })
  await untilHeard(heard, store)
})

test('a store that was closed while the server was down does not come back to listen', async context => {
  const { openPool, openStore, freshTable, server } = scene(context)
  const table = await freshTable()
  const [closed, open] = [openStore({ table }), openStore({ table })]
  const heard = vi.fn()
  for (const store of [closed, open]) store.watch?.(heard)
  await untilHeard(heard, open)
  await server.kill()
  await expect(closed.get('key')).rejects.toThrow()
  await closed.close?.()
  await server.restart()
  await untilHeard(heard, open)
  expect(await listening(openPool())).toHaveLength(1)
})

for (const [when, close] of [
  ['the store is closed', store => store.close?.()],
  ['the last listener has unsubscribed', (_store, unsubscribe) => unsubscribe()],
] as const satisfies [string, (store: TokenStore, unsubscribe: () => void) => unknown][])
  test(`the connection is given back when ${when}, so that the pool can be ended`, async context => {
    const { server, freshTable } = scene(context)
    const table = await freshTable()
    const pool = new Pool({ connectionString: server.url })
    const store = postgresStore(pool, { table })
    const heard = vi.fn()
    const unsubscribe = store.watch?.(heard) ?? (() => {})
    await untilHeard(heard, store)
    await close(store, unsubscribe)
    await store.get('key')
    await pool.end()
    expect(pool.totalCount).toBe(0)
  })

test('the pool can be ended when the store is closed before it has a connection', async context => {
  const { server } = scene(context)
  const pool = new Pool({ connectionString: server.url })
  const store = postgresStore(pool)
  store.watch?.(() => {})
  await store.close?.()
  await pool.end()
  expect(pool.totalCount).toBe(0)
})

test('a store that was closed can be watched again, and its former listeners hear no more', async context => {
  const { openStore, freshTable } = scene(context)
  const store = openStore({ table: await freshTable() })
  const [former, heard] = [vi.fn(), vi.fn()]
  store.watch?.(former)
  await store.close?.()
  store.watch?.(heard)
  await untilHeard(heard, store)
  expect(former).not.toHaveBeenCalled()
})

test('what is told on a channel of the user is no change of a record', async context => {
  const { openPool, openStore, freshTable } = scene(context)
  const table = await freshTable()
  const pool = openPool()
  await pool.query('LISTEN theirs')
  const store = openStore({ table, pool })
  const heard = vi.fn()
  store.watch?.(heard)
  const writer = openStore({ table })
  await untilHeard(heard, writer)
  await openPool().query(`NOTIFY theirs, 'key version'`)
  await untilHeard(heard, writer)
  expect(heard).not.toHaveBeenCalledWith('key', 'version')
})

test('a store that does not listen tells those that do', async context => {
  const { openStore, freshTable } = scene(context)
  const table = await freshTable()
  const heard = vi.fn()
  openStore({ table }).watch?.(heard)
  await untilHeard(heard, openStore({ table, listen: false }))
})

test('the process is not kept alive by a store that listens', async context => {
  const { server, freshTable } = scene(context)
  const script = fileURLToPath(new URL('fixtures/watching.mjs', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [script, server.url, await freshTable()], {
    timeout: 60_000,
  })
  expect(stdout).toBe('told\n')
})

test('a connection that is lost without a word is found out and replaced', async context => {
  const { openPool, server } = scene(context)
  const relay = await startRelay(context, server.port)
  const pool = openPool({ connectionString: server.url.replace(`:${server.port}`, `:${relay.port}`) })
  const heard = vi.fn()
  const stop = listen({ pool, channel: 'silence', tell: heard, checkEveryMs: 100 })
  const say = async () => {
    const before = heard.mock.calls.length
    await vi.waitFor(
      async () => {
        await admin.query(`SELECT pg_notify('silence', 'anything')`)
        expect(heard.mock.calls.length).toBeGreaterThan(before)
      },
      { timeout: 60_000 },
    )
  }
  const admin = openPool()
  await say()
  relay.silence()
  await say()
  stop()
})

test('an error in the packet that completes a connection is no uncaught exception', async context => {
  const { openPool, server } = scene(context)
  const admin = openPool()
  const relay = await startRelay(context, server.port)
  const connectionString = server.url.replace(`:${server.port}`, `:${relay.port}`)
  const pool = openPool({ connectionString, application_name: 'held' })
  relay.hold()
  const heard = vi.fn()
  const stop = listen({ pool, channel: 'held', tell: heard })
  await vi.waitFor(
    async () => {
      const ended = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'held' AND state = 'idle'`
      expect((await admin.query(ended)).rowCount).toBe(1)
    },
    { timeout: 60_000 },
  )
  await vi.waitFor(
    async () => {
      await admin.query(`SELECT pg_notify('held', 'anything')`)
      expect(heard).toHaveBeenCalledWith('anything')
    },
    { timeout: 60_000 },
  )
  stop()
})

/** A way to the server. */
async function startRelay(context: TestContext, port: number) {
  const sockets: Socket[] = []
  let holds = false
  const server = createServer(near => {
    const far = connect(port, '127.0.0.1')
    sockets.push(near, far)
    for (const socket of [near, far]) socket.on('error', () => {})
    near.pipe(far)
    if (holds) sendAtOnce(far, near)
    else far.pipe(near)
    holds = false
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  context.onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return {
    port: (server.address() as AddressInfo).port,
    /** The connections there are carry nothing more, and stay open. */
    silence() {
      for (const socket of sockets) socket.unpipe().pause()
    },
    /** What the server says on the next connection is sent on when it has ended it. */
    hold() {
      holds = true
    },
  }
}

function sendAtOnce(from: Socket, to: Socket): void {
  const chunks: Buffer[] = []
  from.on('data', (chunk: Buffer) => chunks.push(chunk))
  from.on('end', () => to.end(Buffer.concat(chunks)))
}
