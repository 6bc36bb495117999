/** This repository as scripts see it: its folder, its JSON files, a line for the person in front of it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))

/** @returns {any} `undefined` where there is no such file, or one that was cut off */
export function readJson(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), 'utf8'))
  } catch (error) {
    if (error.code === 'ENOENT' || error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Standard output belongs to the program that runs next. */
export function say(line) {
  process.stderr.write(`${line}\n`)
}

/** Ends the process, with a word of why unless a signal is the reason. */
export function giveUp(code, why) {
  if (code < 128) say(why)
  process.exit(code)
}
