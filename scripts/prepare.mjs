/** What start, test and bench share: a clone made ready to run. Node alone, since nothing is installed yet. */
import { spawn } from 'node:child_process'
import { accessSync, constants as fs, mkdirSync, readFileSync } from 'node:fs'
import { homedir, constants as os, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/**
 * Installs and builds what is missing or out of date. All it says, npm's words too, goes to standard error: standard
 * output belongs to the program that runs next.
 *
 * @param {...string} packages what to build, with all it depends on; every package when none is named
 */
export async function prepare(...packages) {
  checkNodeVersion()
  if (!isInstalled()) await install()
  await build(packages)
}

/**
 * Runs a Node program of this repository as if it had been called itself: same terminal, same signals, same exit code.
 *
 * @param {...string} args of `node`, from the repository's root
 */
export async function run(...args) {
  const { code } = await spawned(process.execPath, args, { stdio: 'inherit' })
  process.exit(code)
}

function checkNodeVersion() {
  const { engines } = readJson('package.json')
  if (engines.node.split(' || ').some(satisfies)) return
  say(`This needs Node ${engines.node}, and this is Node ${process.versions.node}.`)
  process.exit(1)
}

/** `^20.19.0` and `>=22.12.0`, the two shapes that `engines` uses. */
function satisfies(range) {
  const [major, minor] = process.versions.node.split('.').map(Number)
  const [, operator, lowestMajor, lowestMinor] = /^(\^|>=)(\d+)\.(\d+)/.exec(range)
  if (major === Number(lowestMajor)) return minor >= Number(lowestMinor)
  return operator === '>=' && major > Number(lowestMajor)
}

/** npm writes down what it installed; it is compared with the lock file, leaving out what other platforms need. */
function isInstalled() {
  const { packages: wanted } = readJson('package-lock.json')
  const { packages: installed } = readJson('node_modules/.package-lock.json') || { packages: {} }
  return Object.keys(wanted)
    .filter(path => path !== '' && !wanted[path].optional)
    .every(path => path in installed && identity(installed[path]) === identity(wanted[path]))
}

function identity({ version, integrity, resolved }) {
  return integrity || version || resolved
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), 'utf8'))
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

async function install() {
  say('Installing dependencies (npm ci) ...')
  const npm = 'npm ci --include=dev --no-audit --no-fund --no-update-notifier --loglevel=warn'
  const env = { ...process.env, npm_config_cache: npmCache() }
  const { code } = await spawned(npm, [], { shell: true, stdio: ['ignore', 2, 2], env })
  if (code !== 0) giveUp(code, 'npm ci failed')
}

/** npm's own cache, or one of ours where the home directory cannot be written to. */
function npmCache() {
  const cache = process.env.npm_config_cache || join(homedir(), '.npm')
  try {
    mkdirSync(cache, { recursive: true })
    accessSync(cache, fs.W_OK)
    return cache
  } catch {
    return join(tmpdir(), 'grantkit-npm-cache')
  }
}

/** turbo's words matter only when it fails. */
async function build(packages) {
  say('Building what has changed ...')
  const turbo = ['node_modules/turbo/bin/turbo', 'run', 'build', ...packages.map(name => `--filter=${name}`)]
  const env = { ...process.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' }
  const { code, output } = await spawned(process.execPath, turbo, { env })
  if (code === 0) return
  process.stderr.write(output)
  giveUp(code, 'The build failed')
}

function giveUp(code, what) {
  if (code < 128) say(`${what}; the lines above say why.`)
  process.exit(code)
}

/** Runs a command to its end and hands it our signals, except Ctrl-C, which a terminal sends to it as well. */
function spawned(command, args, options) {
  const child = spawn(command, args, { cwd: root, ...options })
  const output = []
  child.stdout?.on('data', chunk => output.push(chunk))
  child.stderr?.on('data', chunk => output.push(chunk))
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'))
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  process.on('SIGHUP', () => child.kill('SIGHUP'))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      resolve({ code: code ?? 128 + os.signals[signal], output: Buffer.concat(output) })
    })
  })
}

function say(line) {
  process.stderr.write(`${line}\n`)
}
