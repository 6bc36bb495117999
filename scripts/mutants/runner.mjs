/**
 * Runs one test file in vitest's worker. For one mutant, or for several one after the other, each with the tests that reach
 * it until one fails; or for none, to note which tests reach which mutants.
 *
 * Several share what the file loads, which takes most of the time. What one of them leaves behind might make the next one
 * fail: so a test that failed has to pass without a mutant right afterwards, or nothing more is decided here.
 */
import { appendFileSync } from 'node:fs'
import { VitestTestRunner } from 'vitest/runners'

export default class MutantRunner extends VitestTestRunner {
  #order = this.injectValue('order')
  #atImport = new Set()
  /** What each running test has reached, and how much time the process had taken before it. */
  #running = new Map()
  /** What is still to be tried with the test that runs, and which is being tried. */
  #queue = []
  #trying
  #killed = new Set()
  #isSpoilt = false

  constructor(config) {
    super(config)
    const { mutants, atOnce } = this.#order
    globalThis.isMutant = mutants === undefined ? number => this.#note(number) : number => number === this.#trying
    if (atOnce) this.#trying = mutants[0].number
  }

  onCollected(files) {
    const { mutants } = this.#order
    if (mutants === undefined) return
    for (const test of files.flatMap(testsOf)) {
      const queue = mutants.filter(({ only }) => only.includes(test.id))
      if (queue.length === 0) test.mode = 'skip'
      // each mutant, and once without one after each that is killed
      test.repeats = 2 * queue.length - 1
    }
  }

  async onBeforeRunTask(test) {
    const { mutants = [] } = this.#order
    this.#queue = mutants.filter(({ number, only }) => only.includes(test.id) && !this.#killed.has(number))
    if (mutants.length > 0 && (this.#queue.length === 0 || this.#isSpoilt)) test.mode = 'skip'
    await super.onBeforeRunTask(test)
  }

  onBeforeTryTask(test) {
    super.onBeforeTryTask(test)
    if (this.#order.mutants === undefined)
      return this.#running.set(test.id, { reached: new Set(), before: process.cpuUsage() })
    if (this.#queue.length === 0 || this.#isSpoilt) return
    this.#trying = this.#queue[0].number
    if (this.#trying !== undefined) this.#write({ trying: this.#trying })
  }

  async runTask(test) {
    const run = VitestTestRunner.getTestFn(test)
    if (this.#order.mutants === undefined) return run()
    if (this.#queue.length === 0 || this.#isSpoilt) return
    const limit = withoutEnd(this.#order.limitMs)
    try {
      await Promise.race([run(), limit.over])
    } finally {
      limit.clear()
    }
  }

  onAfterRetryTask(test) {
    if (this.#order.mutants === undefined) return this.#writeReach(test)
    const tried = this.#queue.shift()
    if (tried === undefined || this.#isSpoilt) return
    const [error] = test.result.state === 'fail' ? (test.result.errors ?? [{}]) : []
    if (error !== undefined) this.#failed(test, tried, error)
    test.result.state = 'pass'
    test.result.errors = undefined
  }

  #failed(test, { number, of: before }, error) {
    const isEndless = error.message === noEnd
    // nothing was changed: whatever came before is to blame
    if (number === undefined) {
      this.#isSpoilt = true
      return this.#write({ spoilt: before.number })
    }
    this.#killed.add(number)
    this.#write({ killed: number, test: test.fullTestName ?? test.name, error: String(error.message).slice(0, 200) })
    // a test that goes on for ever goes on while others run
    if (isEndless) this.#isSpoilt = true
    if (isEndless) this.#write({ spoilt: null })
    else if (this.#order.mutants.length > 1) this.#queue.unshift({ number: undefined, of: { number } })
  }

  #note(number) {
    if (this.#running.size === 0) this.#atImport.add(number)
    for (const { reached } of this.#running.values()) reached.add(number)
    return false
  }

  /** What a test costs is counted in time of the processor: on a busy machine all would be slow, and be left out. */
  #writeReach({ id, result: { startTime } }) {
    const { reached, before } = this.#running.get(id) ?? { reached: [] }
    const { user, system } = process.cpuUsage(before)
    const ms = Math.round((user + system) / 1_000)
    this.#write({ test: id, ms, elapsedMs: Date.now() - startTime, reached: [...reached] })
    this.#running.delete(id)
  }

  onAfterRunFiles() {
    super.onAfterRunFiles()
    if (this.#order.mutants === undefined) this.#write({ atImport: [...this.#atImport] })
    this.#write({ isDone: true })
  }

  #write(line) {
    appendFileSync(this.#order.report, `${JSON.stringify(line)}\n`)
  }
}

const noEnd = 'no end'
/** As they are before a test replaces them. */
const { setInterval, clearInterval } = globalThis
const utilization = performance.eventLoopUtilization.bind(performance)
/** No test of ours waits so long for anything. */
const mostIdleSeconds = 4

/** Is over when a test takes too long; or sooner, when nothing has happened for some seconds, and so nothing will. */
function withoutEnd(limitMs) {
  let timer
  const over = new Promise((_, reject) => {
    let seconds = 0
    let idleSeconds = 0
    let before = utilization()
    timer = setInterval(() => {
      seconds++
      idleSeconds = utilization(before).utilization < 0.02 ? idleSeconds + 1 : 0
      before = utilization()
      if (idleSeconds >= mostIdleSeconds || 1_000 * seconds >= limitMs) reject(new Error(noEnd))
    }, 1_000)
  })
  return { over, clear: () => clearInterval(timer) }
}

function testsOf(task) {
  return task.type === 'test' ? [task] : task.tasks.flatMap(testsOf)
}
