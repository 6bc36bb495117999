/**
 * Every block of code in a document is a module that compiles, in the strictest settings a reader may
 * have. Names the text takes for granted stand above a block in a comment that no page shows:
 * `<!-- with: import type { TokenSource } from '@grantkit/core'; declare const tokens: TokenSource -->`.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
/** Those that are written by hand: `docs/api` is made from the build. */
const documents = execFileSync('git', ['ls-files', '*.md'], { cwd: root, encoding: 'utf8' })
  .trim()
  .split('\n')
  .filter(path => existsSync(`${root}${path}`) && !path.startsWith('docs/api/'))

interface Snippet {
  /** Document and line, such as `README.md:7`. */
  readonly place: string
  readonly language: string
  readonly code: string
}

const snippets = documents.flatMap(path => snippetsIn(path, readFileSync(`${root}${path}`, 'utf8')))
const errors = typeErrors(snippets)

describe('the code in', () => {
  test.each(snippets)('$place compiles', ({ place }) => {
    expect(errors.get(place) ?? []).toEqual([])
  })
})

test('code that does not compile is noticed, by its place', () => {
  const wrong = snippetsIn(
    'a.md',
    '\n<!-- with: declare const tokens: string -->\n```ts\ntokens.length\ntokens.size\n```\n',
  )
  expect([...typeErrors(wrong)]).toEqual([['a.md:3', [expect.stringMatching(/^a\.md:5: error TS2339: .*'size'/)]]])
})

/** Blocks of `ts` and `js`, with what a comment right above adds. */
function snippetsIn(path: string, text: string): Snippet[] {
  const blocks = text.matchAll(/^(?:<!-- with: ((?:(?!-->)[\s\S])*?) -->\n)?```([tj]s)\n([\s\S]*?)^```/gm)
  return [...blocks].map(({ 0: whole, 1: given, 2: language = '', 3: code = '', index }) => {
    const line = text.slice(0, index + whole.indexOf('```')).split('\n').length
    // on the line of the fence, so that the compiler's lines are the block's
    return { place: `${path}:${line}`, language, code: `${given?.replaceAll('\n', ' ') ?? ''}\n${code}\nexport {}\n` }
  })
}

/** What the compiler says, by place: each block is a module beside the packages, compiled as they are. */
function typeErrors(all: readonly Snippet[]): Map<string, string[]> {
  const folder = mkdtempSync(`${root}node_modules/.snippets-`)
  const files = all.map(({ language }, index) => `snippet-${index}.${language}`)
  for (const [index, file] of files.entries()) writeFileSync(`${folder}/${file}`, all[index]?.code ?? '')
  const compilerOptions = {
    ...{ noEmit: true, allowJs: true, checkJs: true, noUnusedLocals: false, noUnusedParameters: false },
    ...{
      customConditions: ['@grantkit/source'],
      typeRoots: [`${root}node_modules/@types`],
      paths: { '/*': [`${root}*`] },
    },
  }
  writeFileSync(
    `${folder}/tsconfig.json`,
    JSON.stringify({ extends: `${root}tsconfig.base.json`, compilerOptions, files }),
  )
  const tsc = spawnSync(process.execPath, [`${root}node_modules/typescript/bin/tsc`, '-p', folder], {
    encoding: 'utf8',
  })
  rmSync(folder, { recursive: true })
  const found = new Map<string, string[]>()
  for (const [, index, line, says] of tsc.stdout.matchAll(/snippet-(\d+)\.[tj]s\((\d+),\d+\): (.*(?:\n {2}.*)*)/g)) {
    const { place = '' } = all[Number(index)] ?? {}
    const [path, fence] = place.split(':')
    found.set(place, [...(found.get(place) ?? []), `${path}:${Number(fence) + Number(line) - 1}: ${says}`])
  }
  if (tsc.status !== 0 && found.size === 0) throw new Error(tsc.stdout + tsc.stderr)
  return found
}
