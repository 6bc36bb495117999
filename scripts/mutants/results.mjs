/**
 * What is known from earlier runs, in `node_modules/.cache`. Which tests reach what holds while the test file and the files
 * it reaches are the same but for comments; a mutant that a test file killed stays killed while that file and the declaration are the same;
 * one that survived stays alive while its file and all test files that reach it are the same.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

const path = 'node_modules/.cache/grantkit/mutants.json'

/** @returns {{ reach: Record<string, object>, mutants: Record<string, object> }} */
export function readResults() {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return { reach: {}, mutants: {} }
  }
}

export function keepResults(results) {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, JSON.stringify(results))
}
