/**
 * A Nest application in CommonJS installs the tarballs, is compiled with each set of settings its authors may have, is
 * run, and is tested with Jest. See `docs/commonjs.md`.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pack } from './pack.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'grantkit-consumer-'))
process.on('exit', () => rmSync(folder, { recursive: true }))

cpSync(join(root, 'test/commonjs'), folder, { recursive: true })
cpSync(join(root, '.npmrc'), join(folder, '.npmrc'))
const packages = pack(folder)
const everyPackage = packages.map(({ manifest }, index) => `export * as package${index} from '${manifest.name}'\n`)
writeFileSync(join(folder, 'src/every-package.ts'), everyPackage.join(''))
install('is installed')

/** What a program's authors may have set, and whether Node runs what the compiler makes of it. */
const settings = [
  { module: 'commonjs', moduleResolution: 'node10', runs: true },
  { module: 'node16', moduleResolution: 'node16', runs: true },
  { module: 'node20', moduleResolution: 'node16', runs: false },
  { module: 'nodenext', moduleResolution: 'nodenext', runs: true },
  { module: 'preserve', moduleResolution: 'bundler', runs: false },
]
for (const { module, moduleResolution, runs } of settings) {
  const options = ['--module', module, '--moduleResolution', moduleResolution, '--outDir', `dist-${module}`]
  const compile = ['node_modules/typescript/bin/tsc', '-p', '.', '--skipLibCheck', 'false', ...options]
  node(`compiles, module ${module}, moduleResolution ${moduleResolution}`, compile)
  if (runs) node(`runs, module ${module}`, [`dist-${module}/main.js`])
}
// what a test imports is transformed in its time, on a machine that may be busy
const jest = ['node_modules/jest/bin/jest.js', '--ci', '--silent', '--testTimeout=120000']
node('is tested by Jest with ts-jest', jest)
node('is tested by Jest with ts-jest, jose transformed', [...jest, '--config', 'jest.jose.config.js'])

install('is installed with the newest types of Node', '@types/node@26')
node('compiles with them', ['node_modules/typescript/bin/tsc', '-p', '.', '--skipLibCheck', 'false', '--noEmit'])

function install(name, ...others) {
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  const tarballs = packages.map(({ tarball }) => tarball)
  check(name, npm, ['install', '--no-save', '--loglevel=error', ...tarballs, ...others])
}

function node(name, args) {
  check(name, process.execPath, args)
}

function check(name, command, args) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: 'utf8' })
  console.log(`a Nest application in CommonJS ${name}: ${status === 0 ? 'ok' : `${stdout}${stderr}`}`)
  if (status !== 0) process.exit(1)
}
