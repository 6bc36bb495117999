/**
 * Redis or Valkey servers for tests: real ones, on free ports of 127.0.0.1, each with a directory of its own, which end
 * with the process that started them.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync } from 'node:fs'
import { access, constants, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { freePort, isFree } from './free-port.js'
import { type RedisReply, redisCommand } from './redis-command.js'

/** How the server is set up. */
export interface RedisServerOptions {
  /** Lines of its configuration file, such as `appendonly yes`. */
  readonly config?: readonly string[] | undefined
}

/** A running server. It keeps nothing on disk unless its configuration says so: what it held is gone after `kill()`. */
export interface RedisServer extends AsyncDisposable {
  /** The port on 127.0.0.1. */
  readonly port: number
  /** `redis://127.0.0.1:<port>` */
  readonly url: string
  /** The program's process, while it runs. */
  readonly pid: number | undefined
  /** Sends a command on a connection of its own. */
  command(...command: string[]): Promise<RedisReply>
  /** A section of INFO, by field. */
  info(section: string): Promise<Readonly<Record<string, string>>>
  /** Makes it a replica of the server at this port, or of none again. Returns when it has caught up. */
  replicaOf(primary: { readonly port: number } | undefined): Promise<void>
  /** Ends it at once (SIGKILL); connections break. */
  kill(): Promise<void>
  /** Starts it again on the same port, with what it kept on disk; kills it first if it runs. */
  restart(): Promise<void>
  /** Stands still (SIGSTOP): connections stay, and nothing is answered, until `resume()`. */
  freeze(): void
  /** Goes on (SIGCONT). */
  resume(): void
  /** Ends it for good and removes its directory. */
  stop(): Promise<void>
}

const deadlineMs = 20_000

/**
 * Starts a server; `undefined` when neither `redis-server` nor `valkey-server` is installed.
 *
 * @throws Error with what the program said when it does not start
 */
export async function startRedisServer({ config = [] }: RedisServerOptions = {}): Promise<RedisServer | undefined> {
  const program = await redisProgram()
  return program === undefined ? undefined : launch(program, [...defaults, ...config], false)
}

/** Nothing on disk, and no waiting for more replicas before one is sent what there is. */
export const defaults: readonly string[] = ['save ""', 'appendonly no', 'repl-diskless-sync-delay 0']

/** The program there is, by its path. */
export async function redisProgram(): Promise<string | undefined> {
  const folders = (process.env.PATH ?? '').split(delimiter)
  for (const path of ['redis-server', 'valkey-server'].flatMap(name => folders.map(folder => join(folder, name))))
    if (await isExecutable(path)) return path
  return undefined
}

function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
}

/** Starts a server, or a Sentinel: another port is tried when somebody else was quicker to take it. */
export async function launch(program: string, config: readonly string[], sentinel: boolean): Promise<RedisServer> {
  for (let attempt = 1; ; attempt++) {
    const server = await prepare(program, config, sentinel)
    try {
      await server.restart()
      return server
    } catch (error) {
      await server.stop()
      if (attempt === 3) throw error
    }
  }
}

async function prepare(program: string, config: readonly string[], sentinel: boolean): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'grantkit-redis-'))
  // a cluster's second port is 10,000 above it
  const port = await freePort(first => isFree(first + 10_000))
  const file = join(folder, 'server.conf')
  await writeFile(file, [`port ${port}`, 'bind 127.0.0.1', `dir ${folder}`, ...config, ''].join('\n'))
  const owner = unprivileged()
  if (owner !== undefined) for (const path of [folder, file]) chownSync(path, owner.uid, owner.gid)
  let running: ChildProcess | undefined
  const command = (...words: string[]) => redisCommand(port, words)

  const kill = async () => {
    const ended = running
    running = undefined
    if (ended !== undefined) await end(ended)
  }
  const stop = async () => {
    await kill()
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  }
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    get pid() {
      return running?.pid
    },
    command,
    info: async section => fieldsOf(String(await command('INFO', section))),
    async replicaOf(primary) {
      if (primary === undefined) return void (await command('REPLICAOF', 'NO', 'ONE'))
      await command('REPLICAOF', '127.0.0.1', String(primary.port))
      await eventually('the replica has caught up', () => isReplica(port, primary.port))
    },
    kill,
    async restart() {
      await kill()
      const started = spawn(program, [file, ...(sentinel ? ['--sentinel'] : [])], { ...owner, cwd: folder })
      running = started
      await untilReady(started, port)
    },
    freeze: () => void running?.kill('SIGSTOP'),
    resume: () => void running?.kill('SIGCONT'),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** Whether the primary counts it, which it does a moment after the replica has everything. */
export async function isReplica(replicaPort: number, primaryPort: number): Promise<boolean> {
  const info = String(await redisCommand(primaryPort, ['INFO', 'replication']))
  return info.includes(`port=${replicaPort},state=online`)
}

/** nobody, when we are root: the program needs no rights, and its files are to be readable as anywhere else. */
function unprivileged(): { readonly uid: number; readonly gid: number } | undefined {
  return process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : undefined
}

async function untilReady(started: ChildProcess, port: number): Promise<void> {
  let said = ''
  for (const stream of [started.stdout, started.stderr])
    stream?.on('data', chunk => (said = `${said}${chunk}`.slice(-2_000)))
  endWithUs(started)
  const failed = new Promise<never>((_, reject) => {
    started.once('error', reject)
    started.once('close', () => reject(new Error(`The server ended: ${said}`)))
  })
  // it ends one day, when nobody waits here any more
  failed.catch(() => {})
  const ready = eventually('the server answers', async () => (await redisCommand(port, ['PING'], 1_000)) === 'PONG')
  await Promise.race([ready, failed])
}

/** A shell that ends the server when its input ends: with us, even if we are killed. */
function endWithUs(server: ChildProcess): void {
  if (server.pid === undefined) return
  const guard = spawn('/bin/sh', ['-c', 'read -r line; kill -9 "$0"', String(server.pid)], {
    ...unprivileged(),
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  guard.on('error', () => {})
  guard.unref()
  server.once('close', () => guard.kill('SIGKILL'))
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const closed = once(child, 'close')
  child.kill('SIGKILL')
  await closed
}

function fieldsOf(info: string): Record<string, string> {
  const lines = info.split('\r\n').filter(line => line.includes(':'))
  return Object.fromEntries(lines.map(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]))
}

/** Asks until it is so; a server that does not answer yet is asked again. */
export async function eventually(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const until = performance.now() + deadlineMs
  let cause: unknown
  for (;;) {
    try {
      if (await isSo()) return
    } catch (error) {
      cause = error
    }
    if (performance.now() > until) throw new Error(`${what}: not within ${deadlineMs / 1000} s`, { cause })
    await wait(20)
  }
}
