/** `npm run next-versions`: turns changesets into versions and changelogs, and writes the versions where they are repeated. */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readJson, root } from './repository.mjs'

execFileSync(process.execPath, ['node_modules/@changesets/cli/bin.js', 'version'], { cwd: root, stdio: 'inherit' })

const { version } = readJson('packages/core/package.json')
const words = '/** Names this library to servers; a test compares it with `package.json`. */'
writeFileSync(join(root, 'packages/core/src/version.ts'), `${words}\nexport const version = '${version}'\n`)
execFileSync('npm', ['install', '--package-lock-only', '--ignore-scripts'], { cwd: root, stdio: 'inherit' })
