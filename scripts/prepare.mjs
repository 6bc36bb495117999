/** What start, test and bench share: a clone made ready to run. Node alone, since nothing is installed yet. */
import { spawn } from 'node:child_process'
import { constants as os } from 'node:os'
import { install, isInstalled } from './install.mjs'
import { giveUp, readJson, root, say } from './repository.mjs'

/**
 * Installs and builds what is missing or out of date. All it says, npm's words too, goes to standard error: standard
 * output belongs to the program that runs next.
 *
 * @param {...string} packages what to build, with all it depends on; every package when none is named
 */
export async function prepare(...packages) {
  checkNodeVersion()
  const warnings = isInstalled() ? [] : await install()
  await build(packages, warnings)
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
  giveUp(1, `This needs Node ${engines.node}, and this is Node ${process.versions.node}.`)
}

/** `^20.19.0` and `>=22.12.0`, the two shapes that `engines` uses. */
function satisfies(range) {
  const [major, minor] = process.versions.node.split('.').map(Number)
  const [, operator, lowestMajor, lowestMinor] = /^(\^|>=)(\d+)\.(\d+)/.exec(range)
  if (major === Number(lowestMajor)) return minor >= Number(lowestMinor)
  return operator === '>=' && major > Number(lowestMajor)
}

/** turbo's words matter only when it fails. */
async function build(packages, warnings) {
  say('Building what has changed ...')
  const turbo = ['node_modules/turbo/bin/turbo', 'run', 'build', ...packages.map(name => `--filter=${name}`)]
  const env = { ...process.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' }
  const { code, output } = await spawned(process.execPath, turbo, { env })
  if (code === 0) return
  for (const line of warnings) say(line)
  process.stderr.write(output)
  const isIncomplete = /cannot find (module|package)|MODULE_NOT_FOUND/i.test(output)
  if (isIncomplete) say('A file of node_modules may be missing; `npm ci` installs all of them anew.')
  giveUp(code, 'The build failed; the lines above say why.')
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
