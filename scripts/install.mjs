/** `npm ci`: whether it has to run, what it says that matters, and how it stops. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, existsSync, constants as fs, mkdirSync, rmSync } from 'node:fs'
import { homedir, constants as os, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { giveUp, readJson, root, say } from './repository.mjs'

/** What npm wrote down when it was done. */
const record = 'node_modules/.package-lock.json'

/** Whether what npm installed is what the lock file asks for, leaving out what other platforms need, and is still there. */
export function isInstalled() {
  const { packages: wanted } = lockFile()
  const { packages: installed } = readJson(record) ?? { packages: {} }
  const isUpToDate = Object.keys(wanted)
    .filter(path => path !== '' && !wanted[path].optional)
    .every(path => path in installed && identity(installed[path]) === identity(wanted[path]))
  return isUpToDate && Object.keys(installed).every(path => existsSync(join(root, path, 'package.json')))
}

function lockFile() {
  const lock = readJson('package-lock.json')
  if (lock === undefined)
    giveUp(1, 'package-lock.json is missing or damaged; `git restore package-lock.json` brings it back.')
  return lock
}

function identity({ version, integrity, resolved }) {
  return integrity || version || resolved
}

/**
 * Installs everything anew, in silence but for what matters. npm runs apart from the terminal's Ctrl-C: told to stop it
 * would first remove all it has installed, which takes minutes, and the next `npm ci` begins with that anyway.
 *
 * @returns {Promise<string[]>} warnings that matter only if something fails later
 */
export async function install() {
  const lock = lockFile()
  say('Installing dependencies (npm ci); the first time takes a minute or two ...')
  rmSync(join(root, record), { force: true })
  const npm = 'npm ci --include=dev --no-audit --no-fund --no-update-notifier --loglevel=warn'
  const env = { ...process.env, npm_config_cache: npmCache() }
  const child = spawn(npm, { cwd: root, shell: true, detached: !isWindows, stdio: ['ignore', 2, 'pipe'], env })
  const exited = once(child, 'exit')
  const withdraw = onSignals(signal => {
    say('Stopped in the middle of the install. The next run begins it anew.')
    killTree(child.pid)
    process.exit(128 + os.signals[signal])
  })
  const clock = tellTime()
  const heldBack = await passOn(child.stderr, isForTestsAlone(lock))
  const [code, signal] = await exited
  clearInterval(clock)
  withdraw()
  if (code === 0) return heldBack
  for (const line of heldBack) say(line)
  giveUp(code ?? 1, signal === null ? 'npm ci failed; the lines above say why.' : `npm ci was ended by ${signal}.`)
}

const isWindows = process.platform === 'win32'

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

/** Nobody should have to wonder whether a silent install still goes on. */
function tellTime() {
  const startedAt = Date.now()
  return setInterval(() => say(`  ... ${Math.round((Date.now() - startedAt) / 1000)} s, still installing`), 15_000)
}

/** Calls back on the first signal that ends a program; returns how to take that back. */
function onSignals(stop) {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
  for (const signal of signals) process.once(signal, stop)
  return () => {
    for (const signal of signals) process.off(signal, stop)
  }
}

function killTree(pid) {
  if (isWindows) spawnSync('taskkill', ['/pid', String(pid), '/T', '/F'])
  else process.kill(-pid, 'SIGKILL')
}

/** npm's words go on as they come, but for warnings of packages that another Node would suit better and nobody needs here. */
async function passOn(output, isHarmless) {
  const heldBack = []
  let block = []
  for await (const line of createInterface({ input: output, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (!/^npm warn EBADENGINE/i.test(line)) say(line)
    else {
      block.push(line)
      if (!/EBADENGINE }$/.test(line)) continue
      if (isHarmless(block)) heldBack.push(...block)
      else block.forEach(say)
      block = []
    }
  }
  block.forEach(say)
  return heldBack
}

/** Of tests and tools alone: what the lock file marks so wherever it stands. */
function isForTestsAlone({ packages }) {
  return block => {
    const [, name, version] = /package: '(.+)@([^@']+)'/.exec(block.join('\n')) ?? []
    const same = Object.entries(packages).filter(
      ([path, one]) => one.version === version && (one.name ?? path.split('node_modules/').at(-1)) === name,
    )
    return same.length > 0 && same.every(([, { dev, devOptional }]) => dev || devOptional)
  }
}
