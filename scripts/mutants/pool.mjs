/** Processes that run test files; one that falls silent is ended, and another begun. */
import { fork } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What a process keeps of each run is given back with the process. */
const mostRuns = 200

/**
 * @param {object} setup for each process: prepared files, which tests there are
 * @param {number} size how many processes
 */
export function createPool(setup, size) {
  const folder = mkdtempSync(join(tmpdir(), 'mutants-'))
  const idle = []
  const waiting = []
  let count = 0
  let runs = 0

  async function take() {
    const worker = idle.pop()
    if (worker !== undefined) return worker
    if (count === size) return new Promise(resolve => waiting.push(resolve))
    count++
    return start(setup)
  }

  async function giveBack(worker) {
    const next = worker.isOver ? await start(setup) : worker
    const first = waiting.shift()
    if (first !== undefined) first(next)
    else idle.push(next)
  }

  return {
    /** The test files there are. */
    async files() {
      const worker = await take()
      await giveBack(worker)
      return worker.files
    },
    /**
     * Runs a test file.
     *
     * @returns what was noted on the way, and how it ended; no answer when nothing was noted for so many milliseconds
     */
    async run(file, order, silenceMs) {
      const worker = await take()
      const report = join(folder, String(runs++))
      writeFileSync(report, '')
      const answer = await ask(worker, { file, order: { ...order, report } }, silenceMs)
      await giveBack(worker)
      const lines = readFileSync(report, 'utf8')
        .split('\n')
        .filter(Boolean)
        .map(line => JSON.parse(line))
      rmSync(report)
      return { lines, answer }
    },
    close() {
      for (const { child } of idle) child.disconnect()
      rmSync(folder, { recursive: true })
    },
  }
}

async function start(setup) {
  const child = fork(new URL('./worker.mjs', import.meta.url), { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
  child.send(setup)
  const { files } = await new Promise((resolve, reject) => {
    child.once('message', resolve)
    child.once('exit', () => reject(new Error('vitest does not start')))
  })
  child.removeAllListeners('exit')
  return { child, files, runs: 0, isOver: false }
}

async function ask(worker, request, silenceMs) {
  const { child } = worker
  let looking
  const answer = await new Promise(resolve => {
    looking = setInterval(() => isSilent(request.order.report, silenceMs) && resolve(undefined), 1_000)
    child.once('message', resolve)
    // a mutant that ends the process is noticed by whoever runs the tests
    child.once('exit', () => resolve({ isOk: false, error: 'the process ended' }))
    child.send(request)
  })
  clearInterval(looking)
  child.removeAllListeners('message')
  child.removeAllListeners('exit')
  worker.runs++
  // an error that nobody has caught may come late, and would be taken for the next one's
  worker.isOver = !answer?.isOk || !child.connected || worker.runs >= mostRuns
  if (worker.isOver) child.kill('SIGKILL')
  return answer
}

function isSilent(report, silenceMs) {
  return Date.now() - statSync(report).mtimeMs > silenceMs
}
