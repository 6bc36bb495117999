/**
 * `npm run mutants`: whether a small fault in the code that everything stands on would be noticed by the tests.
 *
 * Each mutant is one small change (a condition that always holds, a comparison off by one, a statement left out). The files
 * are prepared once with all of them behind switches; then, for each mutant, the tests that reach it are run, the quickest
 * first, until one fails. What an earlier run has found is taken as far as nothing has changed.
 *
 * - `--file=attach` those whose path contains this
 * - `--since=main` those in lines that have changed since
 * - `--sample=10` every tenth
 * - `--list` shows the mutants, and runs nothing
 * - `--fresh` takes nothing from earlier runs
 * - `--workers=4` as many processes (default: as many as there are cores)
 * - `--write` the figures into docs/mutants.md, after a run of all
 *
 * It fails when a survivor is not in `scripts/mutants/accepted.json`, with the reason why nothing is lost by it, or when one
 * in there is gone or killed.
 */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { hash, mutantsOf } from './mutants/mutations.mjs'
import { createPool } from './mutants/pool.mjs'
import { findReach, stepsOf } from './mutants/reach.mjs'
import { checkAccepted, isAccepted, printReport, writeFigures } from './mutants/report.mjs'
import { keepResults, readResults } from './mutants/results.mjs'
import { tryAll } from './mutants/trials.mjs'
import { root } from './repository.mjs'

const { values: options } = parseArgs({
  options: {
    file: { type: 'string', multiple: true, default: [] },
    since: { type: 'string' },
    sample: { type: 'string', default: '1' },
    list: { type: 'boolean', default: false },
    fresh: { type: 'boolean', default: false },
    workers: { type: 'string', default: String(availableParallelism()) },
    write: { type: 'boolean', default: false },
  },
})

process.chdir(root)
const source = 'packages/core/src'
const files = [
  ...readdirSync(`${source}/lifecycle`).map(name => `${source}/lifecycle/${name}`),
  ...['endpoint', 'refusal-kind', 'attach', 'attachments', 'hopeless', 'token-set', 'origins'].map(
    name => `${source}/${name}.ts`,
  ),
]
/** The tests that are about these files, one way or another; not the model, and what starts processes of the build. */
const tests = {
  include: [
    'packages/core/test/{lifecycle,endpoints,grants}/*.test.ts',
    'packages/core/test/{attach,attach-dpop,attach-step-up,attachments,binding,challenge,circumstances,create-token-source,doubt,endpoint}.test.ts',
    'packages/core/test/{endpoint-dpop,events,held-token,hopeless,origins,other-endpoints,refusal,refusal-kind,resource,salvage,token-set,token-source,trip}.test.ts',
  ],
  exclude: ['**/heap.test.ts'],
}

const targets = files.map(file => ({ file, ...mutantsOf(file, readFileSync(file, 'utf8')) }))
const all = targets.flatMap(({ mutants }) => mutants)
const numbers = new Map(all.map(({ id }, index) => [id, index]))
const wanted = all.filter(isWanted())
if (options.list) {
  for (const { file, line, change } of wanted) console.log(`${file}:${line}  ${change}`)
  console.log(`${wanted.length} mutants`)
} else await run()

async function run() {
  const startedAt = performance.now()
  const results = options.fresh ? { reach: {}, mutants: {} } : readResults()
  const prepared = targets.map(({ file, instrumented }) => [join(root, file), instrumented(id => numbers.get(id))])
  const pool = createPool({ prepared, ...tests }, Number(options.workers))
  const keeping = setInterval(keepResults, 30_000, results)
  try {
    const steps = stepsOf(
      await findReach(pool, { targets, all }, results.reach),
      id => all[numbers.get(id)]?.file ?? '',
    )
    await tryWanted(pool, results.mutants, id => steps.get(id) ?? [])
  } finally {
    clearInterval(keeping)
    keepResults(results)
    pool.close()
  }
  const tried = wanted.map(mutant => ({ ...mutant, ...results.mutants[mutant.id] }))
  const accepted = checkAccepted(tried)
  printReport(tried, accepted)
  console.log(`${Math.round((performance.now() - startedAt) / 1_000)} s`)
  if (options.write && wanted.length === all.length) writeFigures(tried, accepted)
  if (accepted.problems.length > 0) process.exitCode = 1
}

async function tryWanted(pool, known, stepsOfMutant) {
  const due = wanted.filter(mutant => !isKnown(known[mutant.id], against(mutant, stepsOfMutant(mutant.id))))
  console.log(`${wanted.length} mutants, ${due.length} of them to be tried`)
  let decided = 0
  const trials = due.map(mutant => {
    const steps = killerFirst(stepsOfMutant(mutant.id), known[mutant.id]?.by)
    const decide = killed => {
      const survived = { state: 'survived', against: against(mutant, steps).survivorHash, reachedBy: steps.length }
      known[mutant.id] = killed === undefined ? survived : { state: 'killed', ...killed }
      if (++decided % 100 === 0) console.log(`${decided} of ${due.length}`)
    }
    return { number: numbers.get(mutant.id), steps, isAccepted: isAccepted(mutant), decide }
  })
  await tryAll(pool, trials, Number(options.workers))
}

/** Who has killed it before may have changed, and will most likely kill it again. */
function killerFirst(steps, killer) {
  return [...steps].sort((one, other) => Number(other.name === killer) - Number(one.name === killer))
}

/** A killer that is the same would kill again; what survived is tried again when anything about it has changed. */
function isKnown(before, { survivorHash, testHashes }) {
  if (before?.state === 'killed') return testHashes.get(before.by) === before.byHash
  return before?.against === survivorHash
}

/** What a result is worth, and as long as which files are the same. */
function against({ file }, steps) {
  const testHashes = new Map(steps.map(({ name, testHash }) => [name, testHash]))
  const { textHash } = targets.find(one => one.file === file)
  return { testHashes, survivorHash: hash(`${textHash} ${[...testHashes].flat().sort()}`) }
}

function isWanted() {
  const changed = options.since === undefined ? undefined : changedLines(options.since)
  return ({ id, file, line }) =>
    (options.file.length === 0 || options.file.some(part => file.includes(part))) &&
    (changed?.has(`${file}:${line}`) ?? true) &&
    numbers.get(id) % Number(options.sample) === 0
}

/** `file:line` of everything that differs from a revision. */
function changedLines(revision) {
  const changed = new Set()
  let file
  for (const line of execFileSync('git', ['diff', '-U0', revision, '--', source], { encoding: 'utf8' }).split('\n')) {
    if (line.startsWith('+++ b/')) file = line.slice(6)
    const [, first, count = '1'] = /^@@ -\S+ \+(\d+)(?:,(\d+))? @@/.exec(line) ?? []
    for (let at = Number(first); at < Number(first) + Number(count); at++) changed.add(`${file}:${at}`)
  }
  return changed
}
