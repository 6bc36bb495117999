/** Which tests reach which mutants, and so which of them are run for a mutant. */
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { hash } from './mutations.mjs'

/** What loading a test file takes, about. */
const loadingMs = 300
/** A test that takes longer is asked only where no quicker one comes. */
const slowMs = 1_500
/** So long the tests of others take for one mutant at most, by the time they take otherwise. */
const budgetMs = 30_000
/** A test of ours that says nothing for so long hangs. */
const silenceMs = 180_000

/**
 * @param {ReturnType<typeof import('./pool.mjs').createPool>} pool
 * @param {{ file: string, textHash: string }[]} targets
 * @param {Record<string, object>} known what was found before, by test file; what is found is put there
 */
export async function findReach(pool, { targets, all }, known) {
  const textHashes = Object.fromEntries(targets.map(({ file, textHash }) => [file, textHash]))
  const files = Object.keys(textHashes)

  async function ofTestFile(path) {
    const name = relative(process.cwd(), path)
    const testHash = hash(readFileSync(path, 'utf8'))
    if (!isUpToDate(known[name], testHash)) known[name] = { testHash, files, ...(await runAsItIs(path, name)) }
    return { ...known[name], path, name }
  }

  /** A file of tests that reached none of what has changed would reach the same again. */
  function isUpToDate(before, testHash) {
    if (before?.testHash !== testHash || files.some(file => !before.files.includes(file))) return false
    return Object.entries(before.reached).every(([file, textHash]) => textHashes[file] === textHash)
  }

  async function runAsItIs(path, name) {
    const { lines, answer } = await pool.run(path, {}, silenceMs)
    if (!answer?.isOk) throw new Error(`${name} fails as it is: ${answer?.error ?? 'no end'}`)
    const { atImport } = lines.find(line => line.atImport !== undefined)
    const tests = lines.filter(line => line.test !== undefined)
    const reached = new Set([atImport, ...tests.map(test => test.reached)].flat().map(number => all[number].file))
    process.stdout.write('.')
    return {
      reached: Object.fromEntries([...reached].map(file => [file, textHashes[file]])),
      atImport: atImport.map(number => all[number].id),
      tests: tests.map(({ test: id, reached, ...times }) => ({
        id,
        ...times,
        reached: reached.map(number => all[number].id),
      })),
    }
  }

  const reach = await Promise.all((await pool.files()).map(ofTestFile))
  console.log(`${reach.length} test files`)
  return reach
}

/**
 * For each mutant the test files to be run, and which tests in them; all of them, with the mutant from the start, if it is
 * reached by loading the file.
 */
export function stepsOf(reach, fileOf) {
  const steps = new Map()
  for (const { path, name, testHash, atImport, tests } of reach) {
    const atOnce = new Set(atImport)
    const reaching = new Map(atImport.map(id => [id, tests]))
    for (const test of tests)
      for (const id of test.reached) if (!atOnce.has(id)) reaching.set(id, [...(reaching.get(id) ?? []), test])
    for (const [id, some] of reaching)
      steps.set(id, [...(steps.get(id) ?? []), { path, name, testHash, tests: some, atOnce: atOnce.has(id) }])
  }
  return new Map([...steps].map(([id, list]) => [id, affordable(fileOf(id), list)]))
}

/**
 * The quickest first, those of the file itself before slower ones of others, and no more of others than the budget allows:
 * what those alone would notice counts as unnoticed. Nobody shares a file whose loading reaches the mutant.
 */
function affordable(file, steps) {
  const quick = steps
    .map(step => ({ ...step, tests: step.tests.filter(({ ms }) => ms < slowMs) }))
    .filter(({ tests }) => tests.length > 0)
  const costOf = ({ ms, atOnce }) => (atOnce ? 3 * ms : ms)
  const promise = step => (isOwn(step, file) ? costOf(step) / 5 : costOf(step))
  let leftMs = budgetMs
  return (quick.length > 0 ? quick : steps)
    .map(step => ({ ...step, ms: loadingMs + step.tests.reduce((sum, { ms }) => sum + ms, 0) }))
    .sort((a, b) => promise(a) - promise(b))
    .filter((step, index) => {
      if (isOwn(step, file)) return true
      leftMs -= costOf(step)
      return index === 0 || leftMs > 0
    })
}

/** Whether tests are of the file itself: `cooldown.test.ts` and `cooldown-attempts.test.ts` are of `cooldown.ts`. */
function isOwn({ name }, file) {
  const [stem] = file.replace('/src/', '/test/').split('.')
  return name.startsWith(`${stem}.`) || name.startsWith(`${stem}-`)
}
