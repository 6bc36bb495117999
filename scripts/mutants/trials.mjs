/**
 * Tries mutants, test file by test file, several at once where they can share one. What such a file has loaded remembers
 * the mutants before, in a cache or a table, and may hide one by that: so who survives in company is tried alone as well.
 */

/** So many share a test file at most, and tests of so long. */
const mostTogether = 40
const longestTogetherMs = 20_000

/**
 * @param {{ number: number, steps: object[], isAccepted: boolean, decide: (outcome: object) => void }[]} trials `decide` is
 *   told once what came of it: `{ by, test, error }` when it was killed, nothing when it survived. Who is accepted anyway
 *   need not survive alone
 */
export async function tryAll(pool, trials, workers) {
  const waiting = new Set()
  for (const trial of trials) {
    if (trial.steps.length === 0) trial.decide()
    else waiting.add({ ...trial, at: 0, most: mostTogether, needsProof: false, isProof: false, fellOver: false })
  }
  let underWay = 0
  let wake = () => {}

  async function work() {
    for (;;) {
      const batch = nextBatch(waiting)
      if (batch.length === 0 && underWay === 0) return
      if (batch.length === 0) {
        await new Promise(resolve => {
          const before = wake
          wake = () => [before, resolve].forEach(one => void one())
        })
        continue
      }
      for (const trial of batch) waiting.delete(trial)
      underWay++
      for (const trial of await tryTogether(pool, batch)) waiting.add(trial)
      underWay--
      wake()
      wake = () => {}
    }
  }
  await Promise.all(Array.from({ length: workers }, work))
}

/** The largest group that can share a test file. */
function nextBatch(waiting) {
  const groups = new Map()
  for (const trial of waiting) {
    const { name, atOnce } = trial.steps[trial.at]
    const key = atOnce || trial.most === 1 ? trial : `${name} ${trial.most}`
    if (!groups.has(key)) groups.set(key, [])
    groups.get(key).push(trial)
  }
  const [largest = []] = [...groups.values()].sort((a, b) => b.length - a.length)
  const batch = []
  let leftMs = longestTogetherMs
  for (const trial of largest.slice(0, largest[0]?.most)) {
    leftMs -= trial.steps[trial.at].ms
    if (batch.length > 0 && leftMs < 0) break
    batch.push(trial)
  }
  return batch
}

/**
 * Runs one test file for some mutants. A test has ten times as long as it takes otherwise, and some seconds more: a machine
 * that is busy is no killer.
 *
 * @returns those that are not decided yet
 */
async function tryTogether(pool, batch) {
  const steps = batch.map(({ steps, at }) => steps[at])
  const slowest = Math.max(...steps.flatMap(({ tests }) => tests.map(({ elapsedMs }) => elapsedMs)))
  const limitMs = 8_000 + 10 * slowest
  const mutants = batch.map(({ number }, index) => ({ number, only: steps[index].tests.map(({ id }) => id) }))
  const order = { mutants, limitMs, atOnce: steps[0].atOnce }
  const { lines, answer } = await pool.run(steps[0].path, order, limitMs + 30_000)
  const seen = {
    lines,
    answer,
    isAlone: batch.length === 1,
    last: lines.findLast(line => line.trying !== undefined)?.trying,
  }
  return batch.filter((trial, index) => goesOn(trial, steps[index], seen))
}

/** Decides on a mutant, or says how it is to be tried next. */
function goesOn(trial, { name, testHash }, { lines, answer, isAlone, last }) {
  const { number, decide } = trial
  const spoilt = lines.find(line => line.spoilt !== undefined)
  const killed = lines.find(line => line.killed === number)
  if (killed !== undefined && spoilt?.spoilt !== number) {
    decide({ by: name, byHash: testHash, test: killed.test, error: killed.error })
    return false
  }
  const isOver = answer?.isOk && spoilt === undefined
  trial.needsProof ||= !isAlone && !trial.isAccepted
  if (isOver) return goesOnAfter(trial)
  // tests that fail as a whole, errors that nobody catches, a process that hangs or ends; if it does so again in a process
  // of its own, and not because of what a mutant before has left behind
  if (isAlone && !trial.fellOver) {
    trial.fellOver = true
    trial.most = 1
    return true
  }
  if (isAlone) {
    decide({ by: name, byHash: testHash, error: answer === undefined ? 'no end' : answer.error })
    return false
  }
  const isSuspect = (answer === undefined && last === number) || spoilt?.spoilt === number
  if (spoilt?.spoilt !== null) trial.most = isSuspect ? 1 : Math.max(1, Math.floor(trial.most / 4))
  return true
}

/** It has survived a test file: the next one is tried, or all of them once more, alone. */
function goesOnAfter(trial) {
  trial.at++
  trial.fellOver = false
  if (trial.at === trial.steps.length) {
    if (trial.isProof || !trial.needsProof) {
      trial.decide()
      return false
    }
    trial.at = 0
    trial.isProof = true
  }
  trial.most = trial.isProof ? 1 : mostTogether
  return true
}
