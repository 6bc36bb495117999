/** What came of the mutants: for the terminal, and for docs/mutants.md. */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'

const accepted = JSON.parse(readFileSync(new URL('./accepted.json', import.meta.url), 'utf8'))
const docs = 'docs/mutants.md'

/** Survivors that nobody has given a reason for, and reasons whose mutant is gone or killed. */
export function checkAccepted(tried) {
  const survivors = tried.filter(({ state }) => state === 'survived')
  const known = new Map(accepted.flatMap(({ reason, mutants }) => mutants.map(one => [nameOf(one), reason])))
  const survived = new Set(survivors.map(nameOf))
  const files = new Set(tried.map(({ file }) => file))
  const isTried = new Set(tried.map(nameOf))
  const stale = accepted
    .flatMap(({ mutants }) => mutants)
    .filter(one => files.has(one.file) && !survived.has(nameOf(one)))
  const problems = [
    ...survivors.filter(one => !known.has(nameOf(one))).map(one => `survived: ${shown(one)}`),
    ...stale.map(one => `${isTried.has(nameOf(one)) ? 'is killed' : 'is gone'}, take it off the list: ${shown(one)}`),
  ]
  return { problems, reasonOf: one => known.get(nameOf(one)) }
}

const acceptedNames = new Set(accepted.flatMap(({ mutants }) => mutants.map(nameOf)))

/** Whether a mutant has a reason for surviving. */
export function isAccepted(mutant) {
  return acceptedNames.has(nameOf(mutant))
}

function nameOf({ file, within, change }) {
  return `${file} ${within} ${change}`
}

function shown({ file, line, within, change, reachedBy }) {
  return `${file}${line ? `:${line}` : ''} ${within}: ${change}${reachedBy === 0 ? ' (no test comes here)' : ''}`
}

export function printReport(tried, { problems }) {
  for (const problem of problems) console.log(problem)
  for (const row of rows(tried))
    console.log(row.map((cell, index) => String(cell)[index ? 'padStart' : 'padEnd'](index ? 10 : 45)).join(''))
}

function rows(tried) {
  const files = [...new Set(tried.map(({ file }) => file))]
  const row = (name, mutants) => {
    const killed = mutants.filter(({ state }) => state === 'killed').length
    const percent = `${((100 * killed) / mutants.length).toFixed(1)} %`
    return [name, mutants.length, killed, mutants.length - killed, percent]
  }
  return [
    ...files.map(file =>
      row(
        file,
        tried.filter(one => one.file === file),
      ),
    ),
    row('all', tried),
  ]
}

/** Writes the table and the list of survivors between the two marks in the docs. */
export function writeFigures(tried, { reasonOf }) {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
  const day = new Date().toISOString().slice(0, 10)
  const survivors = tried.filter(({ state }) => state === 'survived')
  const byReason = new Map()
  for (const one of survivors) {
    const reason = reasonOf(one) ?? 'no reason yet'
    byReason.set(reason, [...(byReason.get(reason) ?? []), one])
  }
  const lines = [
    `Measured on ${day}, at \`${commit}\`.`,
    '',
    '| file | mutants | killed | survived | |',
    '|---|---:|---:|---:|---:|',
    ...rows(tried).map(
      ([file, ...figures]) => `| ${file.replace('packages/core/src/', '')} | ${figures.join(' | ')} |`,
    ),
    '',
    '## Survivors',
    ...[...byReason].flatMap(([reason, mutants]) => ['', `${reason}:`, '', ...mutants.map(inList)]),
  ]
  const [before, , after] = readFileSync(docs, 'utf8').split(/(?<=<!-- figures -->\n)|(?=<!-- end of figures -->)/)
  writeFileSync(docs, `${before}\n${lines.join('\n')}\n\n${after}`)
}

function inList({ file, within, change }) {
  return `- \`${file.replace('packages/core/src/', '')}\`, \`${within}\`: \`${change.replaceAll('`', "'")}\``
}
