/** The packed tarballs, as somebody who installs them sees them. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { type PackedPackage, pack } from '../scripts/pack.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const temporary = mkdtempSync(join(tmpdir(), 'grantkit-consumer-'))
afterAll(() => rmSync(temporary, { recursive: true }))

const packages = pack(temporary)
/** What may be imported: the packages, and the further entries they have. */
const names = packages.flatMap(({ manifest }) => entriesOf(manifest).map(entry => posix.join(manifest.name, entry)))
for (const packed of packages) install(packed)

describe.each(packages)('$manifest.name', ({ folder, manifest, files }) => {
  const installed = join(temporary, 'node_modules', manifest.name)

  test('is named after its folder', () => {
    expect(manifest.name).toBe(`@grantkit/${folder}`)
  })

  test('carries its build, its source, a README and the licence, and nothing else', () => {
    expect(files).toEqual(
      expect.arrayContaining(['README.md', 'LICENSE', 'dist/index.js', 'dist/index.d.ts', 'src/index.ts']),
    )
    expect(files.filter(file => !/^(dist|src)\/|^(README\.md|LICENSE|package\.json)$/.test(file))).toEqual([])
    expect(readFileSync(join(installed, 'LICENSE'), 'utf8')).toBe(readFileSync(join(root, 'LICENSE'), 'utf8'))
  })

  test('holds no path of the machine it was built on', () => {
    expect(files.filter(file => readFileSync(join(installed, file), 'utf8').includes(root))).toEqual([])
  })

  test('supports the Node versions that the repository supports', () => {
    expect(manifest.engines).toEqual(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).engines)
  })
})

describe('an installed package', () => {
  const namesOfExports = `JSON.stringify(Object.keys(loaded).filter(name => name !== 'module.exports').sort())`

  test.each(names)('%s exports the same by import and by require', name => {
    const imported = node('module', `import * as loaded from '${name}'; console.log(${namesOfExports})`)
    const required = node('commonjs', `const loaded = require('${name}'); console.log(${namesOfExports})`)

    expect(JSON.parse(imported)).not.toEqual([])
    expect(required).toBe(imported)
  })

  test.each(names)('%s is loaded once by a process that imports and requires it', name => {
    const isSame = `Object.entries(loaded).every(([key, value]) => require('${name}')[key] === value)`
    expect(node('commonjs', `import('${name}').then(loaded => console.log(${isSame}))`)).toBe('true\n')
  })

  test.each(names)('%s exports the same in CommonJS, for what knows no ES modules', name => {
    const commonjs = commonJsOf(name)
    const imported = node('module', `import * as loaded from '${name}'; console.log(${namesOfExports})`)
    const loaded = node('commonjs', `const loaded = require('${commonjs}'); console.log(${namesOfExports})`)

    expect(readFileSync(commonjs, 'utf8')).toContain('exports.')
    expect(loaded).toBe(imported)
  })

  test.each([
    [
      'by import',
      'module',
      `import { OriginError } from '@grantkit/core'; import { parseOrigins } from '@grantkit/core/kit'`,
    ],
    ['by require', 'commonjs', requires('@grantkit/core', '@grantkit/core/kit')],
    [
      'in CommonJS, for what knows no ES modules',
      'commonjs',
      requires(commonJsOf('@grantkit/core'), commonJsOf('@grantkit/core/kit')),
    ],
  ] as const)('both entries of core are one program %s', (_, inputType, load) => {
    const thrown = `try { parseOrigins(['https://a.example']).check('https://b.example') } catch (error) { return error }`
    expect(node(inputType, `${load}\nconsole.log((() => { ${thrown} })() instanceof OriginError)`)).toBe('true\n')
  })

  test('nothing is exported by both entries of core', () => {
    const both = `Object.keys(users).filter(name => name !== 'module.exports' && name in authors)`
    const load = `import * as users from '@grantkit/core'; import * as authors from '@grantkit/core/kit'`
    expect(node('module', `${load}; console.log(JSON.stringify(${both}))`)).toBe('[]\n')
  })
})

describe('TypeScript finds the types of every package', () => {
  const imports = names.map((name, index) => `import * as package${index} from '${name}'\nvoid package${index}\n`)
  const requires = names.map((name, index) => `import package${index} = require('${name}')\nvoid package${index}\n`)

  test.each([
    { module: 'node16', moduleResolution: 'node16' },
    { module: 'nodenext', moduleResolution: 'nodenext' },
    { module: 'esnext', moduleResolution: 'bundler' },
  ])('with moduleResolution $moduleResolution', ({ module, moduleResolution }) => {
    typeCheck(`import-${moduleResolution}.mts`, imports, { module, moduleResolution })
  })

  test.each(['node16', 'nodenext'])('from CommonJS, with moduleResolution %s', module => {
    typeCheck(`require-${module}.cts`, requires, { module, moduleResolution: module })
  })
})

/** `.` and `./kit` of core, `.` of the others. */
function entriesOf(manifest: PackedPackage['manifest']): string[] {
  return Object.keys(manifest.exports).filter(entry => entry !== './package.json')
}

/** The file of `@grantkit/core/kit` that Jest and older TypeScript take. */
function commonJsOf(name: string): string {
  const [scope, folder, entry = 'index'] = name.split('/') as [string, string, string?]
  return join(temporary, 'node_modules', scope, folder, `dist/commonjs/${entry}.js`)
}

function requires(users: string, authors: string): string {
  return `const { OriginError } = require('${users}'); const { parseOrigins } = require('${authors}')`
}

/** Unpacks a tarball and gives it what its `package.json` declares, so that an undeclared import is not found. */
function install({ manifest, tarball, folder }: PackedPackage) {
  const destination = join(temporary, 'node_modules', manifest.name)
  mkdirSync(destination, { recursive: true })
  execFileSync('tar', ['-xzf', tarball, '-C', destination, '--strip-components=1'])
  for (const dependency of Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })) {
    if (dependency.startsWith('@grantkit/')) continue
    const nested = join(root, 'packages', folder, 'node_modules', dependency)
    link(
      existsSync(nested) ? nested : join(root, 'node_modules', dependency),
      join(destination, 'node_modules', dependency),
    )
  }
}

function link(target: string, path: string) {
  mkdirSync(dirname(path), { recursive: true })
  symlinkSync(target, path)
}

function node(inputType: 'module' | 'commonjs', code: string): string {
  return execFileSync(process.execPath, [`--input-type=${inputType}`, '--eval', code], {
    cwd: temporary,
    encoding: 'utf8',
  })
}

/** Fails with the compiler's own words, which it writes to standard output. */
function typeCheck(file: string, lines: string[], compilerOptions: Record<string, string>) {
  const config = join(temporary, `tsconfig.${file}.json`)
  const options = {
    target: 'es2022',
    strict: true,
    noEmit: true,
    skipLibCheck: false,
    types: ['node'],
    ...compilerOptions,
  }
  const typeRoots = [join(root, 'node_modules/@types')]
  writeFileSync(join(temporary, file), lines.join(''))
  writeFileSync(config, JSON.stringify({ compilerOptions: { ...options, typeRoots }, files: [file] }))
  try {
    execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', config], { encoding: 'utf8' })
  } catch (error) {
    throw new Error((error as { stdout: string }).stdout)
  }
}
