/** Whatever a browser brings: no crash, no hang, and no code but the one of the request. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isGrantKitError } from '../../src/errors.js'
import { type AuthorizationAnswer, readAnswer } from '../../src/front-channel/authorization-answer.js'
import { readAuthorizationResponse } from '../../src/front-channel/authorization-response.js'
import { begun } from './login.js'

const name = fc.constantFrom(
  'code',
  'state',
  'iss',
  'error',
  'id_token',
  'response',
  'error_description',
  'x',
  '__proto__',
)
const value = fc.oneof(
  fc.string(),
  fc.constantFrom('%', '%00', 'a&state=b', '#code=c', 'e30.e30.', '\ud800', 'undefined'),
)
const pairs = fc.array(fc.tuple(name, value), { maxLength: 6 })
const text = pairs.map(all => all.map(([name, value]) => `${name}=${value}`).join('&'))
const anything = fc.oneof(
  fc.string(),
  fc.integer(),
  fc.constant(null),
  fc.array(fc.string()),
  fc.object({ maxDepth: 2 }),
)

const answers: fc.Arbitrary<AuthorizationAnswer> = fc.oneof(
  text.map(query => `https://app.example/cb?${query}`),
  text.map(query => `/cb?${query}`),
  text.map(query => `/cb#${query}`),
  fc.tuple(text, text).map(([query, fragment]) => `?${query}#${fragment}`),
  text,
  fc.string(),
  pairs.map(all => new URLSearchParams(all)),
  pairs.map(all => new URL(`https://app.example/cb?${new URLSearchParams(all)}`)),
  fc.dictionary(name, anything),
)

const codeOf = (error: unknown) => (isGrantKitError(error) ? error.code : Object(error).code)

describe('an answer of any kind', () => {
  test('is read, or refused by name', () => {
    fc.assert(
      fc.property(answers, answer => {
        try {
          for (const one of Object.values(readAnswer(answer).parameters)) expect(typeof one).toBe('string')
        } catch (error) {
          expect(codeOf(error)).toMatch(/^ERR_(VALIDATION|OPTION)$/)
        }
      }),
      { numRuns: 1_000 },
    )
  })

  test.each(['query', 'fragment', 'form_post', 'query.jwt', 'form_post.jwt'] as const)(
    'gives no code to whom has no state, by %s',
    async responseMode => {
      const { client, transaction } = await begun({ scope: 'openid', responseMode })
      const read = async (answer: AuthorizationAnswer) => {
        const error = await readAuthorizationResponse(client, transaction, answer).catch(error => error)
        expect(codeOf(error)).toMatch(/^ERR_(VALIDATION|OPTION)$/)
      }
      await fc.assert(fc.asyncProperty(answers, read), { numRuns: 300 })
    },
  )

  test('gives the code that stands beside the state, as it is, or none', async () => {
    const code = fc.oneof(value, fc.string({ unit: 'binary' }))
    const read = async (code: string) => {
      const { client, transaction } = await begun()
      const answer = new URLSearchParams({ code, state: transaction.state })
      const grant = await readAuthorizationResponse(client, transaction, answer).catch(error => {
        expect(error).toMatchObject({ code: 'ERR_VALIDATION', check: 'code' })
      })
      if (grant !== undefined) expect(await grant.parameters({ client, endpoint: '' })).toMatchObject({ code })
    }
    await fc.assert(fc.asyncProperty(code, read), { numRuns: 200 })
  })

  test('is read in bounded time, however long it is', () => {
    const long = `/cb?${'code=a&'.repeat(200_000)}`
    expect(() => readAnswer(long)).toThrow('response')
    expect(() => readAnswer(new URL(long, 'https://app.example'))).toThrow('response')
    expect(() => readAnswer('a='.repeat(1_000_000))).toThrow('response')
  })
})
