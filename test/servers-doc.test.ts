/** docs/servers.md knows every server that was recorded or is run, at its version; the checks stand in their README. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { checks } from '../apps/servers/src/checks.js'

const read = (path: string) => readFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), 'utf8')
const document = read('docs/servers.md')

describe('docs/servers.md', () => {
  const recorded: Record<string, { version: string }> = JSON.parse(
    read('packages/core/test/fixtures/recorded-refusals.json'),
  )
  for (const [server, { version }] of Object.entries(recorded))
    test(`knows ${server} ${version}, whose refusals were recorded`, () =>
      expect(document).toContain(`| ${server} ${version} |`))

  const { dependencies } = JSON.parse(read('apps/servers/theirs/package.json'))
  for (const server of document.split('## Recorded only')[0]?.matchAll(/^\| (\S+) (\d\S*)/gm) ?? [])
    test(`names the version of ${server[1]} that is run`, () => expect(server[2]).toBe(dependencies[String(server[1])]))
})

test('the README of the servers says what each check asks for', () => {
  const named = [...read('apps/servers/README.md').matchAll(/^\| ([\w -]+) \| /gm)].map(([, name]) => name)
  expect(named).toEqual(['check', ...checks.map(({ name }) => name)])
})
