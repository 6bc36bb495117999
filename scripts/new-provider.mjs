/**
 * `npm run new-provider -- acme-bank`: copies packages/provider-template to packages/provider-acme-bank under its own
 * name, gives it a row in the README and a changeset, and links it. See docs/add-a-provider.md.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { giveUp, root, say } from './repository.mjs'

const template = 'packages/provider-template'

/**
 * The template's text, or a file's name, as the provider's: `acme-bank`, `acmeBank`, `AcmeBank` or `Acme Bank`, as the
 * place wants it.
 *
 * @param {string} text
 * @param {string} name such as `acme-bank`
 */
export function renamed(text, name) {
  const words = name.split('-').map(word => word[0].toUpperCase() + word.slice(1))
  const pascal = words.join('')
  return text
    .replace(/(?<=provider-|name: ')template\b|\btemplate(?=\.example)/g, name)
    .replace(/Template(?=[A-Z])/g, pascal)
    .replace(/\bTemplate\b/g, words.join(' '))
    .replace(/\btemplate\b/g, pascal[0].toLowerCase() + pascal.slice(1))
}

function copyTemplate(name) {
  const folder = `packages/provider-${name}`
  const isSource = path => !['dist', 'node_modules', '.turbo'].includes(basename(path))
  cpSync(join(root, template), join(root, folder), { recursive: true, filter: isSource })
  for (const path of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
    const file = join(root, folder, path)
    if (statSync(file).isFile()) edit(file, text => renamed(text, name))
  }
  // the template is private, and what is made from it is not
  edit(join(root, folder, 'package.json'), text => text.replace('  "private": true,\n', ''))
}

/** Below the last provider of the table. */
function addRow(name) {
  const row = renamed('| [`@grantkit/provider-template`](packages/provider-template) | Template |\n', name)
  edit(join(root, 'README.md'), text =>
    text.replace(/(\| \[`@grantkit\/provider-.*\n)(?!\| \[`@grantkit\/provider-)/, `$1${row}`),
  )
}

function addChangeset(name) {
  const text = "---\n'@grantkit/provider-template': minor\n---\n\nFirst release: Template.\n"
  writeFileSync(join(root, `.changeset/provider-${name}.md`), renamed(text, name))
}

function edit(file, change) {
  writeFileSync(file, change(readFileSync(file, 'utf8')))
}

function main(name = '') {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name))
    giveUp(1, 'Name the provider in kebab-case: npm run new-provider -- acme')
  if (existsSync(join(root, `packages/provider-${name}`))) giveUp(1, `packages/provider-${name} is there already.`)
  copyTemplate(name)
  addRow(name)
  addChangeset(name)
  const npm = spawnSync('npm install --no-audit --no-fund --loglevel=error', {
    cwd: root,
    shell: true,
    stdio: 'inherit',
  })
  if (npm.status !== 0) giveUp(npm.status ?? 1, 'npm install failed; the lines above say why.')
  say(
    `packages/provider-${name} is Template's provider by another name. Now write its facts: docs/add-a-provider.md, step 3.`,
  )
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv[2])
