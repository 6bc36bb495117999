/**
 * The public API of every package as a reviewer reads it: one page in `docs/api/` for each entry, made from the build.
 * With `--check` nothing is written; the exit code tells of a page that differs.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CompilerState, Extractor, ExtractorConfig } from '@microsoft/api-extractor'

const root = fileURLToPath(new URL('..', import.meta.url))
const pages = join(root, 'docs/api')
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

const problems = [...[first, ...others].flatMap(problemsOf), ...pagesLeft().flatMap(leave)]
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
        reportTempFolder: join(root, 'node_modules/.cache/api'),
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

/** Writes an entry's page, or says how it differs. */
function problemsOf(config) {
  const found = []
  const { apiReportChanged } = Extractor.invoke(config, {
    compilerState,
    localBuild: !checks,
    printApiReportDiff: checks,
    messageCallback(message) {
      message.handled = true
      if (message.messageId === 'console-api-report-diff') found.push(message.text)
    },
  })
  const page = relative(root, config.reportFilePath)
  return checks && apiReportChanged ? [`${page} differs from the build; run \`npm run api\``, ...found] : []
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
