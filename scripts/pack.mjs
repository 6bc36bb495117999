/** The public packages as npm would publish them. */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/**
 * Packs every public package as it is built now; needs no network.
 *
 * @param {string} destination an existing folder
 * @returns {PackedPackage[]}
 *
 * @typedef {object} PackedPackage
 * @property {string} folder its name under `packages/`
 * @property {any} manifest its `package.json`
 * @property {string} tarball the path of the tarball
 * @property {string[]} files the paths inside the tarball
 */
export function pack(destination) {
  const packages = publicPackages()
  const selection = packages.map(({ folder }) => `--workspace=packages/${folder}`)
  const args = ['pack', '--json', '--loglevel=error', '--pack-destination', destination, ...selection]
  /** @type {{ name: string, filename: string, files: { path: string }[] }[]} */
  const packed = JSON.parse(execFileSync('npm', args, { cwd: root, encoding: 'utf8' }))
  return packages.map(({ folder, manifest }) => {
    const { filename, files } = packed.find(({ name }) => name === manifest.name)
    return { folder, manifest, tarball: join(destination, filename), files: files.map(file => file.path) }
  })
}

/** @returns {{ folder: string, manifest: any }[]} */
export function publicPackages() {
  return readdirSync(join(root, 'packages'))
    .map(folder => ({ folder, path: join(root, 'packages', folder, 'package.json') }))
    .filter(({ path }) => existsSync(path))
    .map(({ folder, path }) => ({ folder, manifest: JSON.parse(readFileSync(path, 'utf8')) }))
    .filter(({ manifest }) => !manifest.private)
}
