/** A PostgreSQL server of a test's own: in a temporary directory, on 127.0.0.1, gone when the process is. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, chown, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { freePort } from './free-port.js'

/** A running server. It keeps what was committed when it is killed, and nothing when it is stopped. */
export interface PostgresServer extends AsyncDisposable {
  /** The port on 127.0.0.1, the same for its whole life. */
  readonly port: number
  /** `postgres://postgres@127.0.0.1:<port>/postgres`: the superuser, without a password. */
  readonly url: string
  /** Ends it at once (SIGKILL); connections break. */
  kill(): Promise<void>
  /** Starts it again on the same port, and returns when it takes connections; kills it first if it runs. */
  restart(): Promise<void>
  /** Ends it for good and removes its directory. */
  stop(): Promise<void>
}

/** How the server is set up. */
export interface PostgresServerOptions {
  /** Settings of `postgresql.conf` by name, such as `{ default_transaction_isolation: 'serializable' }`. */
  readonly settings?: Readonly<Record<string, string>> | undefined
}

/**
 * Starts a server; as the user `postgres` or `nobody` when the process is root's, whom PostgreSQL refuses.
 *
 * @returns `undefined` when PostgreSQL is not installed, neither in `PATH` nor where Debian puts it
 * @throws Error with what the server wrote when it does not start
 */
export async function startPostgresServer(options: PostgresServerOptions = {}): Promise<PostgresServer | undefined> {
  const programs = await findPrograms()
  if (programs === undefined) return undefined
  const user = await unprivilegedUser()
  const directory = await mkdtemp(join(tmpdir(), 'grantkit-postgres-'))
  if (user !== undefined) await chown(directory, user.uid, user.gid)
  const spawnOptions = { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] as const, ...user }
  const data = join(directory, 'data')
  const port = await freePort()
  let server: ChildProcess | undefined

  const end = async (signal: NodeJS.Signals) => {
    if (server === undefined || !isRunning(server)) return
    server.kill(signal)
    // not 'exit': its processes outlive it for a moment, and answer; they hold its output open
    await once(server, 'close')
  }
  const start = async () => {
    const settings = { ...defaults, port: String(port), ...options.settings }
    server = await startUp(join(programs, 'postgres'), ['-D', data, ...asArguments(settings)], spawnOptions)
  }
  const endWithProcess = () => void server?.kill(atOnce)
  const stop = async () => {
    process.off('exit', endWithProcess)
    await end(atOnce)
    await rm(directory, { recursive: true, force: true })
  }
  process.once('exit', endWithProcess)
  try {
    await initialize(join(programs, 'initdb'), data, spawnOptions)
    await start()
  } catch (error) {
    await stop()
    throw error
  }
  return {
    port,
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    kill: () => end('SIGKILL'),
    async restart() {
      await end('SIGKILL')
      await start()
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** Without a checkpoint, but it leaves no shared memory behind, as `SIGKILL` does. */
const atOnce = 'SIGQUIT'

const defaults = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  dynamic_shared_memory_type: 'mmap',
  fsync: 'off',
  lc_messages: 'C',
}

interface User {
  readonly uid: number
  readonly gid: number
}

interface SpawnOptions {
  readonly cwd: string
  readonly stdio: readonly ['ignore', 'pipe', 'pipe']
  readonly uid?: number
  readonly gid?: number
}

/** The directory that has both programs: of `PATH`, or the newest of Debian's. */
async function findPrograms(): Promise<string | undefined> {
  const debian = '/usr/lib/postgresql'
  const versions = await readdir(debian).catch(() => [])
  const newestFirst = versions.toSorted((a, b) => Number(b) - Number(a)).map(version => join(debian, version, 'bin'))
  for (const directory of [...(process.env.PATH ?? '').split(delimiter), ...newestFirst]) {
    const found = ['initdb', 'postgres'].map(program => access(join(directory, program)))
    if ((await Promise.allSettled(found)).every(({ status }) => status === 'fulfilled')) return directory
  }
  return undefined
}

async function unprivilegedUser(): Promise<User | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map(line => line.split(':'))
  const [, , uid, gid] = lines.find(([name]) => name === 'postgres') ?? lines.find(([name]) => name === 'nobody') ?? []
  return { uid: Number(uid), gid: Number(gid) }
}

async function initialize(program: string, data: string, options: SpawnOptions): Promise<void> {
  const settings = ['--username=postgres', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync']
  const child = spawn(program, ['-D', data, ...settings], { ...options, stdio: [...options.stdio] })
  const output = outputOf(child)
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`initdb failed:\n${output()}`)
}

function asArguments(settings: Readonly<Record<string, string>>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

async function startUp(program: string, commandLine: string[], options: SpawnOptions): Promise<ChildProcess> {
  const child = spawn(program, commandLine, { ...options, stdio: [...options.stdio] })
  const output = outputOf(child)
  while (!output().includes('ready to accept connections')) {
    if (!isRunning(child)) throw new Error(`postgres does not start:\n${output()}`)
    await wait(20)
  }
  return child
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null
}

/** What a program wrote last. */
function outputOf(child: ChildProcess): () => string {
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-10_000)
    })
  return () => output
}
