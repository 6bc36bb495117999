/** Real processes on the built package, killed and stopped as they come. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { fileStore } from '../src/index.js'
import { eventually } from './eventually.js'
import { temporaryDirectory } from './temporary-directory.js'

const parent = temporaryDirectory()
const workerFile = fileURLToPath(new URL('worker.mjs', import.meta.url))
const hourMs = 60 * 60 * 1000
const running = new Set<ChildProcess>()

afterEach(async () => {
  await Promise.all([...running].map(kill))
})

interface Worker {
  readonly name: string
  readonly child: ChildProcess
  readonly lines: readonly string[]
  readonly problems: readonly string[]
}

function start(command: string, directory: string, name: string): Worker {
  const child = spawn(process.execPath, [workerFile, command, directory, name])
  running.add(child)
  const lines: string[] = []
  const problems: string[] = []
  child.stderr.setEncoding('utf8').on('data', text => problems.push(text))
  let unfinished = ''
  child.stdout.setEncoding('utf8').on('data', text => {
    const parts = (unfinished + text).split('\n')
    unfinished = parts.pop() ?? ''
    lines.push(...parts)
  })
  return { name, child, lines, problems }
}

async function kill(child: ChildProcess): Promise<void> {
  running.delete(child)
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'close')
  child.kill('SIGKILL')
  await exited
}

test('loses no count of many processes that are killed and stopped at any moment, and leaves nothing behind', async () => {
  const directory = join(parent(), 'counts')
  const workers: Worker[] = []
  const open = (command: string) => {
    const worker = start(command, directory, `${command}${workers.length}`)
    workers.push(worker)
    return worker
  }
  const slots = [open('count'), open('count'), open('count'), open('churn'), open('churn')]
  await eventually(() => slots.slice(0, 3).every(({ lines }) => lines.length > 3))
  for (let round = 0; round < 12; round++) {
    const index = round % slots.length
    const worker = slots[index] as Worker
    const others = slots.filter(one => one !== worker && one.name.startsWith('count'))
    // Stopped in the middle of something, it holds up nobody.
    worker.child.kill('SIGSTOP')
    const before = others.map(({ lines }) => lines.length)
    await eventually(() => others.some(({ lines }, index) => lines.length > (before[index] ?? 0) + 2))
    if (round % 3 === 0) worker.child.kill('SIGCONT')
    await kill(worker.child)
    slots[index] = open(worker.name.startsWith('count') ? 'count' : 'churn')
  }
  await Promise.all(workers.map(({ child }) => kill(child)))

  expect(workers.flatMap(({ problems }) => problems)).toEqual([])
  const store = fileStore({ directory })
  const counts = JSON.parse((await store.get('counts'))?.value ?? '{}') as Record<string, number>
  for (const { name, lines } of workers.filter(({ name }) => name.startsWith('count'))) {
    const said = Number(lines.at(-1) ?? 0)
    // One more may have been kept, and the process killed before it said so.
    expect([said, said + 1]).toContain(counts[name] ?? 0)
  }
  expect(Object.values(counts).reduce((sum, count) => sum + count)).toBeGreaterThan(30)

  let version = (await store.get('counts'))?.version
  await eventually(async () => {
    const record = { version: randomUUID(), value: '{}', keepForMs: undefined }
    if (await store.compareAndSet('counts', version, record)) version = record.version
    return readdirSync(join(directory, 'records', '+counts')).length === 2
  })
})

test('a lease is free at once when its process is killed, and not while it is stopped', async () => {
  const directory = join(parent(), 'leases')
  const holder = start('hold', directory, 'holder')
  await eventually(() => holder.lines.length > 0)
  const store = fileStore({ directory })
  expect(await store.lease('held', 'other', hourMs)).toBe(false)
  holder.child.kill('SIGSTOP')
  expect(await store.lease('held', 'other', hourMs)).toBe(false)
  holder.child.kill('SIGCONT')
  await kill(holder.child)
  expect(await store.lease('held', 'other', hourMs)).toBe(true)
})

test('a lease is held by one of many processes, some of which are killed', async () => {
  const directory = join(parent(), 'exclusion')
  const workers = Array.from({ length: 4 }, (_, index) => start('exclude', directory, `p${index}`))
  const survivors = workers.slice(2)
  await eventually(() => survivors.every(({ lines }) => lines.length > 5))
  const before = survivors.map(({ lines }) => lines.length)
  await Promise.all(workers.slice(0, 2).map(({ child }) => kill(child)))
  await eventually(() => survivors.every(({ lines }, index) => lines.length > (before[index] ?? 0) + 20))
  await Promise.all(survivors.map(({ child }) => kill(child)))
  expect(workers.flatMap(({ problems }) => problems)).toEqual([])
  const times = workers.flatMap(({ lines }) => lines.map(line => line.split(' ').map(BigInt) as [bigint, bigint]))
  times.sort(([one], [other]) => (one < other ? -1 : 1))
  for (const [index, [from]] of times.entries()) expect(from > (times[index - 1]?.[1] ?? 0n)).toBe(true)
})

test('watching keeps no process alive', async () => {
  const { child, lines, problems } = start('watch', join(parent(), 'watched'), 'watcher')
  const [code] = await once(child, 'close')
  expect({ code, lines, problems }).toEqual({ code: 0, lines: ['watching'], problems: [] })
})
