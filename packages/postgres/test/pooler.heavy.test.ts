import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, type TestContext, test, vi } from 'vitest'
import { freePort } from '../../testing/src/servers/free-port.js'
import { listen } from '../src/listen.js'
import { recordOf, serverForTests } from './scene.js'

const scene = serverForTests()

test('behind pgbouncer in transaction mode a store finds out that it is deaf, tells once, and works', async context => {
  const { openPool, openStore, freshTable, server } = scene(context)
  const table = await freshTable()
  const pool = openPool({ connectionString: await startPooler(context, server.port, 'transaction') })
  const warnings = vi.fn()
  const store = openStore({ table, pool, onWarning: warnings })
  const heard = vi.fn()
  store.watch?.(heard)
  store.watch?.(heard)
  await vi.waitFor(() => expect(warnings).toHaveBeenCalled(), { timeout: 20_000 })
  expect(warnings.mock.calls.map(([{ code }]) => code)).toEqual(['GRANTKIT_POSTGRES_LISTEN'])
  const record = recordOf('value')
  expect(await store.compareAndSet('key', undefined, record)).toBe(true)
  expect(await store.get('key')).toEqual({ version: record.version, value: 'value' })
  expect(heard, 'a notice to oneself is told to nobody').not.toHaveBeenCalled()
})

test('behind pgbouncer in session mode a store hears', async context => {
  const { openPool, openStore, freshTable, server } = scene(context)
  const table = await freshTable()
  const pool = openPool({ connectionString: await startPooler(context, server.port, 'session') })
  const warnings = vi.fn()
  const heard = vi.fn()
  openStore({ table, pool, onWarning: warnings }).watch?.(heard)
  const writer = openStore({ table })
  await vi.waitFor(
    async () => {
      await writer.compareAndSet(crypto.randomUUID(), undefined, recordOf('value'))
      expect(heard).toHaveBeenCalled()
    },
    { timeout: 15_000 },
  )
  expect(warnings).not.toHaveBeenCalled()
})

test('without a pooler nothing is warned of, and no listener hears of the notices to oneself', async context => {
  const { openPool } = scene(context)
  const [isDeaf, tell] = [vi.fn(), vi.fn()]
  for (let listener = 0; listener < 2; listener++)
    context.onTestFinished(listen({ pool: openPool(), channel: 'echo', tell, isDeaf, echoWithinMs: 10_000 }))
  const admin = openPool()
  await vi.waitFor(
    async () => {
      await admin.query(`SELECT pg_notify('echo', 'anything')`)
      expect(tell.mock.calls.length).toBeGreaterThan(1)
    },
    { timeout: 15_000 },
  )
  expect(new Set(tell.mock.calls.flat())).toEqual(new Set(['anything']))
  expect(isDeaf).not.toHaveBeenCalled()
})

/** Starts pgbouncer before the server; its URL. */
async function startPooler(context: TestContext, to: number, mode: string): Promise<string> {
  const program = await findProgram('pgbouncer')
  if (program === undefined) return context.skip('needs pgbouncer')
  const folder = await mkdtemp(join(tmpdir(), 'grantkit-pgbouncer-'))
  context.onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const port = await freePort()
  const file = join(folder, 'pgbouncer.ini')
  await writeFile(
    file,
    `[databases]
postgres = host=127.0.0.1 port=${to} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = ${mode}
`,
  )
  await chmod(folder, 0o755)
  const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
  const pooler = spawn(program, [file], { stdio: 'ignore', ...user })
  context.onTestFinished(() => void pooler.kill('SIGKILL'))
  await untilItListens(pooler, port)
  return `postgres://postgres@127.0.0.1:${port}/postgres`
}

async function findProgram(name: string): Promise<string | undefined> {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin']
  for (const path of folders.map(folder => join(folder, name))) {
    const isThere = await access(path).then(
      () => true,
      () => false,
    )
    if (isThere) return path
  }
  return undefined
}

async function untilItListens(pooler: ChildProcess, port: number): Promise<void> {
  while (pooler.exitCode === null) {
    const socket = connect(port, '127.0.0.1')
    const listens = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (listens) return
    await wait(20)
  }
  throw new Error('pgbouncer ended')
}
