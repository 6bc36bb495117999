/**
 * The build of one public package, run in its folder: ES modules in `dist/`, and the same as CommonJS in
 * `dist/commonjs/` for what cannot load them (Jest, and TypeScript that compiles to CommonJS for `node10` and `node16`).
 */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const compiler = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url))
const commonjs = join('dist', 'commonjs')

compile()
compile(
  '--noCheck',
  '--module',
  'commonjs',
  '--moduleResolution',
  'bundler',
  '--verbatimModuleSyntax',
  'false',
  '--outDir',
  commonjs,
)
writeFileSync(join(commonjs, 'package.json'), '{ "type": "commonjs" }\n')
for (const file of readdirSync(commonjs, { recursive: true }))
  if (file.endsWith('.js')) replaceImportMeta(join(commonjs, file))

function compile(...args) {
  execFileSync(process.execPath, [compiler, '-p', 'tsconfig.json', ...args], { stdio: 'inherit' })
}

/** The one thing of ES modules that the compiler leaves as it is. */
function replaceImportMeta(path) {
  const code = readFileSync(path, 'utf8')
  if (!code.includes('import.meta')) return
  writeFileSync(path, code.replaceAll('import.meta.url', "require('node:url').pathToFileURL(__filename).href"))
}
