/**
 * vitest's processes for test files, watched. vitest waits for ever for one that no longer answers, be it caught in a
 * loop, where no time limit of a test ends it, or locked up inside Node.
 */
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { ForksPoolWorker } from 'vitest/node'

/**
 * For vitest's option `pool`. A process that says nothing for too long is ended, and its file begun once more in another;
 * a second silence fails the file. Both are said on standard error.
 *
 * @param {number} silence in milliseconds; a process that is well speaks whenever a test ends
 */
export function watchedForks(silence) {
  return { name: 'watched-forks', createPoolWorker: options => new WatchedFork(options, silence) }
}

class WatchedFork {
  name = 'watched-forks'
  cacheFs = true
  #options
  #silence
  #worker
  #listeners = []
  #requests = []
  #timer
  #isSecond = false

  constructor(options, silence) {
    this.#options = options
    this.#silence = silence
    this.#worker = new ForksPoolWorker(options)
  }

  async start() {
    await this.#worker.start()
    this.#worker.on('message', this.#heard)
  }

  async stop() {
    clearTimeout(this.#timer)
    await this.#worker.stop()
  }

  on(event, listener) {
    this.#listeners.push([event, listener])
    this.#worker.on(event, listener)
  }

  off(event, listener) {
    this.#listeners = this.#listeners.filter(([name, one]) => name !== event || one !== listener)
    this.#worker.off(event, listener)
  }

  send(message) {
    if (message.__vitest_worker_request__) this.#requests.push(message)
    this.#worker.send(message)
    this.#heard()
  }

  deserialize(data) {
    return data
  }

  /** Waits anew, while a file is run. */
  #heard = message => {
    clearTimeout(this.#timer)
    const isRunning = this.#requests.at(-1)?.type === 'run' && message?.type !== 'testfileFinished'
    if (isRunning) this.#timer = setTimeout(() => this.#giveUp(), this.#silence)
  }

  async #giveUp() {
    const { fork } = this.#worker
    const files = this.#requests.at(-1).context.files.map(({ filepath }) => relative('.', filepath))
    const state = (await isAtWork(fork.pid)) ? 'caught in a loop' : 'idle or locked up'
    const then = this.#isSecond ? 'for the second time: failed' : 'begun once more'
    console.error(`\n${files}: no word from its process for ${this.#silence / 1000} s, ${state}; ${then}\n`)
    if (this.#isSecond) return fork.kill('SIGKILL')
    this.#isSecond = true
    await this.#replace()
  }

  /** Another process is told what the first was. */
  async #replace() {
    const old = this.#worker
    for (const [event, listener] of this.#listeners) old.off(event, listener)
    await old.stop()
    this.#worker = new ForksPoolWorker(this.#options)
    await this.start()
    for (const [event, listener] of this.#listeners) this.#worker.on(event, listener)
    const [start, run] = this.#requests
    this.#worker.on('message', message => {
      if (message.type === 'started') this.#worker.send(run)
    })
    this.#worker.send(start)
    this.#heard()
  }
}

/** Whether a process uses more than a tenth of the processor. */
async function isAtWork(pid) {
  const before = processorTime(pid)
  await after(2000)
  return processorTime(pid) - before > 20
}

/** In hundredths of a second, where the system tells it. */
function processorTime(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
    return Number(fields[11]) + Number(fields[12])
  } catch {
    return Number.NaN
  }
}
