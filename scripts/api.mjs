/**
 * The public API of every package as a reviewer reads it: one page in `docs/api/` for each entry, made from the build.
 * Says what of it has no docstring, and which types a user can meet and not name. With `--check` nothing is written, and
 * a page that differs is told as well.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CompilerState, Extractor, ExtractorConfig } from '@microsoft/api-extractor'

const root = fileURLToPath(new URL('..', import.meta.url))
const pages = join(root, 'docs/api')
const fresh = join(root, 'node_modules/.cache/api')
const { compilerOptions } = JSON.parse(readFileSync(join(root, 'tsconfig.base.json'), 'utf8'))
// looked for beside the working directory alone otherwise
const typeRoots = [join(root, 'node_modules/@types')]
const checks = process.argv.includes('--check')

const entries = readdirSync(join(root, 'packages')).flatMap(publicEntries)
mkdirSync(pages, { recursive: true })
// one program for all, so that each file is read once
const [first, ...others] = entries.map(configOf)
const additionalEntryPoints = others.map(config => config.mainEntryPointFilePath)
const compilerState = CompilerState.create(first, { additionalEntryPoints })

const reports = [first, ...others].map(report)
const problems = [...reports.flatMap(problemsOf), ...pagesLeft().flatMap(leave)]
for (const problem of problems) console.log(problem)
if (problems.length > 0) process.exit(1)

/** What may be imported of a package: `core` and `core.kit`, `axios`. */
function publicEntries(folder) {
  const project = join(root, 'packages', folder)
  const manifest = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'))
  if (manifest.private) return []
  return Object.entries(manifest.exports)
    .filter(([, target]) => target.types !== undefined)
    .map(([path, { types }]) => ({ project, types, name: [folder, ...path.split('/').slice(1)].join('.') }))
}

function configOf({ project, types, name }) {
  return ExtractorConfig.prepare({
    packageJsonFullPath: join(project, 'package.json'),
    configObject: {
      projectFolder: project,
      mainEntryPointFilePath: join(project, types),
      newlineKind: 'lf',
      compiler: { overrideTsconfig: { compilerOptions: { ...compilerOptions, typeRoots } } },
      apiReport: {
        enabled: true,
        reportFileName: name,
        reportFolder: pages,
        reportTempFolder: fresh,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      messages: {
        extractorMessageReporting: { default: { logLevel: 'none' } },
        tsdocMessageReporting: { default: { logLevel: 'none' } },
      },
    },
  })
}

/** Writes an entry's page, and gathers what is to be said of it. */
function report(config) {
  const messages = []
  const { apiReportChanged } = Extractor.invoke(config, {
    compilerState,
    localBuild: !checks,
    printApiReportDiff: checks,
    messageCallback(message) {
      message.handled = true
      messages.push(message)
    },
  })
  const page = relative(root, config.reportFilePath)
  const named = readFileSync(config.reportTempFilePath, 'utf8').matchAll(/^export (?:abstract )?[a-z]+ (\w+)/gm)
  const difference = `${page} differs from the build; run \`npm run api\``
  return {
    folder: config.projectFolder,
    names: [...named].map(([, name]) => name),
    messages,
    differences: checks && apiReportChanged ? [difference, ...textsOf(messages, 'console-api-report-diff')] : [],
  }
}

function problemsOf({ folder, messages, differences }) {
  const named = reports.filter(other => other.folder === folder).flatMap(({ names }) => names)
  const isNamed = ({ text }) => named.includes(/"(.+?)"/.exec(text)?.[1])
  const unnamed = messages.filter(({ messageId }) => messageId === 'ae-forgotten-export').filter(it => !isNamed(it))
  const undocumented = messages.filter(({ messageId }) => messageId === 'ae-undocumented')
  return [...differences, ...[...unnamed, ...undocumented].map(inSource)]
}

function textsOf(messages, id) {
  return messages.filter(({ messageId }) => messageId === id).map(({ text }) => text)
}

function inSource({ sourceFilePath, sourceFileLine, text }) {
  return `${relative(root, sourceFilePath)}:${sourceFileLine}: ${text}`
}

/** Pages of entries that are no more. */
function pagesLeft() {
  const expected = entries.map(({ name }) => `${name}.api.md`)
  return readdirSync(pages).filter(page => !expected.includes(page))
}

function leave(page) {
  if (checks) return [`docs/api/${page} is of no entry; run \`npm run api\``]
  rmSync(join(pages, page))
  return []
}
