/**
 * `npm run shape [commit]`: what the code of a commit looks like from afar; of the last one by default. For each package its
 * lines of code (neither blank nor comment) and how many names it imports from core; for each module of core its lines, how
 * many modules it imports, and how many import it. Two commits side by side show what was made of one by the other.
 */
import { execFileSync } from 'node:child_process'
import { posix } from 'node:path'
import { root } from './repository.mjs'

const [commit = 'HEAD'] = process.argv.slice(2)
const git = (...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8' })

const modules = git('ls-tree', '-r', '--name-only', commit, 'packages')
  .split('\n')
  .filter(path => /^packages\/[^/]+\/src\/.*\.ts$/.test(path))
  .map(path => moduleOf(path, git('show', `${commit}:${path}`)))

print('package', 'lines', 'modules', 'names of core')
for (const name of new Set(modules.map(one => one.package))) {
  const own = modules.filter(one => one.package === name)
  const imports = own.flatMap(one => one.imports).filter(({ from }) => from.startsWith('@grantkit/core'))
  print(name, sum(own.map(({ lines }) => lines)), own.length, new Set(imports.flatMap(({ names }) => names)).size)
}

print('\nmodule of core', 'lines', 'imports', 'imported by')
const core = modules.filter(one => one.package === 'core')
for (const { path, lines, locals } of core) {
  const importers = core.filter(other => other.locals.includes(path))
  print(path.replace('packages/core/src/', ''), lines, locals.length, importers.length)
}

function moduleOf(path, text) {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '')
  const lines = code.split('\n').filter(line => line.trim() !== '' && !line.trim().startsWith('//')).length
  const imports = [...code.matchAll(/^(?:import|export)\b([^'"]*?)\bfrom '([^']+)'/gm)].map(([, names, from]) => ({
    from,
    names: names.match(/\w+(?=\s*(?:,|\}|$| as\b))/g) ?? [],
  }))
  const locals = imports
    .filter(({ from }) => from.startsWith('.'))
    .map(({ from }) => posix.join(posix.dirname(path), from).replace(/\.js$/, '.ts'))
  return { path, package: path.split('/')[1], lines, imports, locals: [...new Set(locals)] }
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0)
}

function print(name, ...figures) {
  console.log(name.padEnd(36), ...figures.map(figure => String(figure).padStart(13)))
}
