/**
 * `npm run new-provider -- acme-bank`, `npm run new-store -- acme-bank`: copies a template to a package under its own name,
 * gives it a row in the README and a changeset, and links it. See docs/add-a-provider.md and docs/add-a-store.md.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { giveUp, root, say } from './repository.mjs'

/** By kind: what is copied, what the copy is called, and the row of the README that its own comes after. */
const kinds = {
  provider: { template: 'provider-template', folderOf: name => `provider-${name}`, after: 'provider-oidc' },
  store: { template: 'store-template', folderOf: name => name, after: 'file-store' },
}

/**
 * A template's text as the new package's: `acme-bank`, `acmeBank`, `AcmeBank` or `Acme Bank`, as the place wants it.
 *
 * @param {string} text
 * @param {string} name such as `acme-bank`
 */
export function renamed(text, name) {
  const words = name.split('-').map(word => word[0].toUpperCase() + word.slice(1))
  const pascal = words.join('')
  const camel = pascal[0].toLowerCase() + pascal.slice(1)
  return text
    .replace(/store-template\b/g, name)
    .replace(/\bsqliteStore\b/g, `${camel}Store`)
    .replace(/(?<=provider-|name: ')template\b|\btemplate(?=\.example)/g, name)
    .replace(/Template(?=[A-Z])/g, pascal)
    .replace(/\bTemplate\b/g, words.join(' '))
    .replace(/\btemplate\b/g, camel)
}

function copy(template, folder, name) {
  const isSource = path => !['dist', 'node_modules', '.turbo'].includes(basename(path))
  cpSync(join(root, 'packages', template), join(root, 'packages', folder), { recursive: true, filter: isSource })
  for (const path of readdirSync(join(root, 'packages', folder), { recursive: true, encoding: 'utf8' })) {
    const file = join(root, 'packages', folder, path)
    if (statSync(file).isFile()) edit(file, text => renamed(text, name))
  }
  // the template is private, and what is made from it is not
  edit(join(root, 'packages', folder, 'package.json'), text => text.replace('  "private": true,\n', ''))
}

/** What it is, in the words of its `package.json`. */
function addRow(folder, after) {
  const { description } = JSON.parse(readFileSync(join(root, 'packages', folder, 'package.json'), 'utf8'))
  const row = `| [\`@grantkit/${folder}\`](packages/${folder}) | ${description.replace('GrantKit provider: ', '')} |\n`
  const above = new RegExp(`\\| \\[\`@grantkit/${after}\`\\].*\\n`)
  edit(join(root, 'README.md'), text => text.replace(above, whole => whole + row))
}

function addChangeset(folder) {
  writeFileSync(join(root, `.changeset/${folder}.md`), `---\n'@grantkit/${folder}': minor\n---\n\nFirst release.\n`)
}

function edit(file, change) {
  writeFileSync(file, change(readFileSync(file, 'utf8')))
}

function main(kind, name = '') {
  const { template, folderOf, after } = kinds[kind]
  const folder = folderOf(name)
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) giveUp(1, `Name it in kebab-case: npm run new-${kind} -- acme`)
  if (existsSync(join(root, 'packages', folder))) giveUp(1, `packages/${folder} is there already.`)
  copy(template, folder, name)
  addRow(folder, after)
  addChangeset(folder)
  const npm = spawnSync('npm install --no-audit --no-fund --loglevel=error', {
    cwd: root,
    shell: true,
    stdio: 'inherit',
  })
  if (npm.status !== 0) giveUp(npm.status ?? 1, 'npm install failed; the lines above say why.')
  say(`packages/${folder} is packages/${template} by another name. What to change: docs/add-a-${kind}.md`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv[2], process.argv[3])
