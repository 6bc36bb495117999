/** Who may import whom: read from the import lines, types included. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

/** Core, in import order: a module imports only from what stands above it. A folder is one place. */
const coreInOrder = [
  'options',
  'errors',
  'rescue',
  'clock',
  'events',
  'secret',
  'context',
  'signal',
  'at-once',
  'version',
  'request-headers',
  'redaction/',
  'pem',
  'body',
  'shown-value',
  'received',
  'algorithms',
  'keys',
  'signer',
  'verification',
  'authorities',
  'certificate',
  'tls',
  'decompress',
  'transport-error',
  'proxy',
  'agents',
  'transport',
  'metadata',
  'provider',
  'define-provider',
  'request-encoding',
  'assertion',
  'dpop',
  'client-auth/',
  'decryption',
  'client-metadata',
  'connection',
  'client',
  'their-words',
  'refusal',
  'refusal-kind',
  'circumstances',
  'answer-shape',
  'server-response',
  'published-document',
  'discovery',
  'endpoint-request',
  'endpoint-proof',
  'endpoint',
  'jwks',
  'server-signature',
  'jwt-reading',
  'encrypted-jwt',
  'signed-jwt',
  'jwt-claims',
  'lifetime',
  'client-registration',
  'registration-request',
  'additional',
  'binding',
  'token-set',
  'token-source',
  'grants/',
  'polling',
  'salvage',
  'token-response',
  'endpoints/',
  'front-channel/',
  'decoupled/',
  'token-key',
  'sealing',
  'store/',
  'lifecycle/',
  'request-body',
  'beginning',
  'redirect',
  'origins',
  'challenge',
  'protected-resource',
  'doubt',
  'hopeless',
  'attach',
  'attachments',
  'private-answers',
  'conceal',
  'trip',
  'sources/',
  'create-token-source',
  'detached-jws',
]

/** What may be imported of core: by users, and by authors of providers, stores and integrations. */
const entries = ['index.ts', 'kit.ts']

const httpClients = ['axios', 'got', 'undici', 'node:http', 'node:http2', 'node:https', 'node:net', 'node:tls']

/** Well-kept libraries that a package brings with it, instead of code of ours. */
const broughtBy: Readonly<Record<string, readonly string[]>> = { express: ['cookie', 'on-headers'] }

/** The second opinion stands on its own. */
const notBuiltOnCore = ['core', 'sandbox']

const packagesFolder = fileURLToPath(new URL('../packages/', import.meta.url))

describe('core', () => {
  const modules = sourceFiles('core').filter(file => !entries.includes(file))

  test('has a place in the order for every module', () => {
    expect(modules.filter(file => placeOf(file) === -1)).toEqual([])
  })

  test.each(modules)('%s imports only from modules above itself', file => {
    const local = importsOf('core', file)
      .filter(isRelative)
      .map(specifier => resolve(file, specifier))
    expect(local.filter(imported => !isAbove(imported, file))).toEqual([])
  })

  test('depends on jose and undici alone', () => {
    const packages = modules.flatMap(file => importsOf('core', file)).filter(isPackage)
    expect(packages.filter(name => name !== 'jose' && name !== 'undici')).toEqual([])
  })
})

test('sandbox imports no other package of this repository', () => {
  const imports = sourceFiles('sandbox').flatMap(file => importsOf('sandbox', file))
  expect(imports.filter(name => name.startsWith('@grantkit/') || name.includes('core/'))).toEqual([])
})

describe.each(packageFolders())('%s', folder => {
  const imports = sourceFiles(folder).flatMap(file => importsOf(folder, file))
  const { name, dependencies = {}, peerDependencies = {}, peerDependenciesMeta = {} } = manifestOf(folder)
  const ours = Object.keys(dependencies)
  const libraries = Object.keys(peerDependencies).filter(library => !peerDependenciesMeta[library]?.optional)

  test('imports what its package.json declares alone; what is optional is handed to it', () => {
    expect(imports.filter(isPackage).filter(name => ![...ours, ...libraries].includes(packageOf(name)))).toEqual([])
  })

  test('is named after its folder', () => {
    expect(name).toBe(`@grantkit/${folder}`)
  })

  if (!notBuiltOnCore.includes(folder))
    test('depends on core alone, and on what it says that it brings', () => {
      expect(ours).toEqual(['@grantkit/core', ...(broughtBy[folder] ?? [])])
    })

  if (folder.startsWith('provider-'))
    test('has no HTTP client', () => {
      expect(libraries).toEqual([])
      expect(imports.filter(name => httpClients.includes(name))).toEqual([])
    })
})

/** Folders that hold a package; what a branch left behind holds none. */
function packageFolders(): string[] {
  return readdirSync(packagesFolder).filter(folder => existsSync(`${packagesFolder}${folder}/package.json`))
}

interface Manifest {
  readonly name: string
  readonly dependencies?: Record<string, string>
  readonly peerDependencies?: Record<string, string>
  readonly peerDependenciesMeta?: Record<string, { readonly optional?: boolean }>
}

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(`${packagesFolder}${folder}/package.json`, 'utf8'))
}

/** Paths below `src/`, with slashes on every system. */
function sourceFiles(folder: string): string[] {
  const paths = readdirSync(`${packagesFolder}${folder}/src`, { recursive: true, encoding: 'utf8' })
  return paths.map(path => path.replaceAll('\\', '/')).filter(path => path.endsWith('.ts'))
}

/** What a file names after `from`, in `import '...'` and in `import('...')`. */
function importsOf(folder: string, file: string): string[] {
  const text = readFileSync(`${packagesFolder}${folder}/src/${file}`, 'utf8')
  const specifiers = text.matchAll(
    /^(?:import|export)\b[^'"]*?\bfrom '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm,
  )
  return [...specifiers].map(([, from, alone, dynamic]) => from ?? alone ?? dynamic ?? '')
}

function isRelative(specifier: string) {
  return specifier.startsWith('.')
}

/** `@grantkit/core` of `@grantkit/core/kit`. */
function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}

function isPackage(specifier: string) {
  return !isRelative(specifier) && !specifier.startsWith('node:')
}

/** `./client.js`, imported by `grants/refresh-token.ts`, is the file `grants/client.ts`. */
function resolve(file: string, specifier: string) {
  return posix.join(posix.dirname(file), specifier).replace(/\.js$/, '.ts')
}

function placeOf(file: string) {
  return coreInOrder.findIndex(place => (place.endsWith('/') ? file.startsWith(place) : file === `${place}.ts`))
}

function isAbove(imported: string, file: string) {
  const sameFolder = posix.dirname(file) !== '.' && placeOf(imported) === placeOf(file)
  return placeOf(imported) !== -1 && (sameFolder || placeOf(imported) < placeOf(file))
}
