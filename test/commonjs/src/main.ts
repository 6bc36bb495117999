/** Run after the build: both clients get their token, a refused client is no business of the caller's, and a login is asked for. */
import { strict as assert } from 'node:assert'
import { answers } from './answers'
import { expectedAnswers, loginAnswers } from './login'

async function main(): Promise<void> {
  assert.deepEqual(await answers(200, ['by-axios', 'by-fetch']), ['200 {"accounts":2}', '200 {"accounts":2}'])
  const refused = '500 {"statusCode":500,"message":"Internal server error"}'
  assert.deepEqual(await answers(401, ['by-axios', 'by-fetch']), [refused, refused])
  assert.deepEqual(await loginAnswers(Object.keys(expectedAnswers)), Object.values(expectedAnswers))
}

void main()
