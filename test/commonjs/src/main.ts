/** Run after the build: both clients get their token, and a refused client is no business of the caller's. */
import { strict as assert } from 'node:assert'
import { answers } from './answers'

async function main(): Promise<void> {
  assert.deepEqual(await answers(200, ['by-axios', 'by-fetch']), ['200 {"accounts":2}', '200 {"accounts":2}'])
  const refused = '500 {"statusCode":500,"message":"Internal server error"}'
  assert.deepEqual(await answers(401, ['by-axios', 'by-fetch']), [refused, refused])
}

void main()
