/** A clone's first command: scripts/start.mjs as it is, npm as it is, on a repository of four small packages. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { watch } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'

const scripts = fileURLToPath(new URL('../scripts', import.meta.url))
const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

describe('npm start in a fresh clone', () => {
  test('installs, builds and runs, and says nothing of packages that only tests want for another Node', async () => {
    const clone = repository({ 'for-tests': { dev: true, engines: { node: '>=99' } } })

    const started = await start(clone, '--an-argument')

    expect(started).toMatchObject({ code: 0, out: 'built and running with --an-argument\n' })
    expect(started.err).toMatch(/^Installing dependencies \(npm ci\)/)
    expect(started.err).not.toMatch(/EBADENGINE|warn/i)
    expect(existsSync(join(clone, 'node_modules/for-tests/package.json'))).toBe(true)
  })

  test('passes on that a package it runs with is made for another Node', async () => {
    const clone = repository({ 'to-run': { engines: { node: '>=99' } } })

    const { code, err } = await start(clone)

    expect(code).toBe(0)
    expect(err).toMatch(/EBADENGINE.*to-run@1\.0\.0/)
  })

  test('tells of every package made for another Node when the install fails', async () => {
    const clone = repository({
      'for-tests': { dev: true, engines: { node: '>=99' } },
      broken: { scripts: { install: 'echo the compiler is missing >&2; exit 3' } },
    })

    const { code, err } = await start(clone)

    expect(code).not.toBe(0)
    expect(err).toMatch(/EBADENGINE.*for-tests@1\.0\.0/)
    expect(err).toContain('the compiler is missing')
    expect(err).toMatch(/npm ci failed; the lines above say why\.\n$/)
  })

  test('tells of them when the build fails', async () => {
    const clone = repository({
      'for-tests': { dev: true, engines: { node: '>=99' } },
      turbo: { dev: true, files: { 'bin/turbo': 'console.log("it does not compile"); process.exit(1)' } },
    })

    const { code, err } = await start(clone)

    expect(code).toBe(1)
    expect(err).toMatch(/EBADENGINE.*for-tests@1\.0\.0/)
    expect(err).toMatch(/it does not compile\nThe build failed; the lines above say why\.\n$/)
  })
})

describe('npm start once more', () => {
  test('installs nothing when all is there', async () => {
    const clone = repository({})
    await start(clone)

    expect((await start(clone)).err).toBe('Building what has changed ...\n')
  })

  test('installs anew when a package is gone from node_modules', async () => {
    const clone = repository({ 'to-run': {} })
    await start(clone)
    rmSync(join(clone, 'node_modules/to-run'), { recursive: true })

    const { code, err } = await start(clone)

    expect(code).toBe(0)
    expect(err).toMatch(/^Installing/)
    expect(existsSync(join(clone, 'node_modules/to-run/package.json'))).toBe(true)
  })

  test('installs anew when what npm wrote down was cut off', async () => {
    const clone = repository({})
    await start(clone)
    writeFileSync(join(clone, 'node_modules/.package-lock.json'), '{"packages": {')

    const { code, err } = await start(clone)

    expect(code).toBe(0)
    expect(err).toMatch(/^Installing/)
  })

  test('says that a file may be missing when one is', async () => {
    const clone = repository({})
    await start(clone)
    rmSync(join(clone, 'node_modules/turbo/bin/turbo'))

    const { code, err } = await start(clone)

    expect(code).toBe(1)
    expect(err).toContain('A file of node_modules may be missing; `npm ci` installs all of them anew.')
  })
})

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s in the middle of the install ends it at once, says what comes next, and the next run installs anew',
  async signal => {
    const waiting = 'echo waiting > "$INIT_CWD/waiting"; exec sleep 600'
    const clone = repository({ slow: { scripts: { install: waiting } } })
    const child = spawnStart(clone)
    const err = text(child.stderr)
    await appears(join(clone, 'waiting'))

    child.kill(signal)
    const [code] = await once(child, 'exit')

    expect(code).toBe(signal === 'SIGINT' ? 130 : 143)
    expect(await err).toMatch(/Stopped in the middle of the install\. The next run begins it anew\.\n$/)
    replace(clone, 'slow', {})
    expect(await start(clone)).toMatchObject({ code: 0, err: expect.stringMatching(/^Installing/) })
  },
)

interface SmallPackage {
  readonly dev?: boolean
  readonly engines?: Record<string, string>
  readonly scripts?: Record<string, string>
  readonly files?: Record<string, string>
}

/** Our scripts, beside a program that tells whether it was built, and packages that are installed from tarballs. */
function repository(packages: Record<string, SmallPackage>): string {
  const clone = mkdtempSync(join(tmpdir(), 'grantkit-start-'))
  folders.push(clone)
  cpSync(scripts, join(clone, 'scripts'), { recursive: true })
  const all = { turbo: turboThatBuilds, ...packages }
  for (const [name, one] of Object.entries(all)) replace(clone, name, one)
  const names = Object.entries(all)
  const wanted = (dev: boolean) =>
    Object.fromEntries(names.filter(([, one]) => (one.dev ?? false) === dev).map(([name]) => [name, tarball(name)]))
  const manifest = {
    name: 'small',
    engines: { node: '^20.19.0 || >=22.12.0' },
    dependencies: wanted(false),
    devDependencies: wanted(true),
  }
  const locked = names.map(([name, { dev, engines, scripts }]) => [
    `node_modules/${name}`,
    { version: '1.0.0', resolved: tarball(name), dev, engines, hasInstallScript: scripts !== undefined },
  ])
  write(clone, 'package.json', manifest)
  write(clone, 'package-lock.json', {
    name: 'small',
    lockfileVersion: 3,
    requires: true,
    packages: { '': manifest, ...Object.fromEntries(locked) },
  })
  return clone
}

const tarball = (name: string) => `file:${name}.tgz`

const program = 'console.log("built and running with", ...process.argv.slice(2))'

const turboThatBuilds: SmallPackage = {
  dev: true,
  files: {
    'bin/turbo': `
      const { mkdirSync, writeFileSync } = require('node:fs')
      mkdirSync('apps/demo/dist', { recursive: true })
      writeFileSync('apps/demo/dist/index.js', ${JSON.stringify(program)})`,
  },
}

/** Packs a package; one that was there before under this name is another from then on. */
function replace(clone: string, name: string, { engines, scripts, files = {} }: SmallPackage): void {
  const folder = mkdtempSync(join(clone, 'to-pack-'))
  write(folder, 'package/package.json', { name, version: '1.0.0', engines, scripts })
  for (const [path, content] of Object.entries(files)) write(folder, `package/${path}`, content)
  execFileSync('tar', ['-czf', join(clone, `${name}.tgz`), '-C', folder, 'package'])
}

function write(folder: string, path: string, content: unknown): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), typeof content === 'string' ? content : JSON.stringify(content))
}

function spawnStart(clone: string, ...args: string[]) {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)))
  return spawn(process.execPath, ['scripts/start.mjs', ...args], { cwd: clone, env, stdio: ['ignore', 'pipe', 'pipe'] })
}

async function start(clone: string, ...args: string[]) {
  const child = spawnStart(clone, ...args)
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { code, out, err }
}

/** Its writer is a process that is alive: what ends this test otherwise is the runner's own limit. */
async function appears(path: string): Promise<void> {
  const changes = watch(dirname(path))
  if (existsSync(path)) return
  for await (const _ of changes) if (existsSync(path) && readFileSync(path, 'utf8') !== '') return
}
