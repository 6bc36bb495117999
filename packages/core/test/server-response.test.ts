import { describe, expect, test } from 'vitest'
import { json } from '../src/answer-shape.js'
import { isObject } from '../src/body.js'
import { parseServerResponse, retryAfterMs } from '../src/server-response.js'
import { type Answer, failure, responseOf } from './answering.js'

/** What an answer holds, or the refusal it is. */
const parse = (answer: Answer, encoding?: 'json' | 'form') => {
  const accepts = [json(async () => {})]
  const parsed = parseServerResponse(responseOf(answer), { provider: 'example', accepts, encoding })
  return 'content' in parsed ? parsed.content : parsed
}
const problem = (answer: Answer) => failure(Promise.resolve().then(() => parse(answer)))

describe('an answer that was understood', () => {
  test('is its JSON body', () => {
    expect(parse({ body: { access_token: 'a' } })).toMatchObject({ body: { access_token: 'a' } })
  })

  test('may begin with a byte order mark and blanks', () => {
    expect(parse({ body: '\ufeff\r\n {"access_token":"a"} \n' })).toMatchObject({ body: { access_token: 'a' } })
  })

  test('may have any 2xx status', () => {
    expect(parse({ status: 201, body: { access_token: 'a' } })).toMatchObject({ body: { access_token: 'a' } })
  })

  test('may have an error member that is null', () => {
    expect(parse({ body: { access_token: 'a', error: null } })).toMatchObject({ body: { access_token: 'a' } })
  })

  test('is handed on as it is when it is an array, for a mapping to read', () => {
    expect(parse({ body: [{ access_token: 'a' }] })).toMatchObject({ body: [{ access_token: 'a' }] })
  })
})

describe('an answer written as a form', () => {
  const body = 'access_token=a%2Bb&token_type=bearer&expires_in=3600\n'

  test('is read where the provider says so', () => {
    expect(parse({ body }, 'form')).toMatchObject({
      body: { access_token: 'a+b', token_type: 'bearer', expires_in: '3600' },
    })
  })

  test('is refused where it does not', async () => {
    expect(await problem({ body })).toMatchObject({ code: 'ERR_TOKEN_RESPONSE' })
  })

  test('may be JSON all the same', () => {
    expect(parse({ body: { access_token: 'a' } }, 'form')).toMatchObject({ body: { access_token: 'a' } })
  })

  test('may be a refusal, with any status', () => {
    const body = 'error=bad_verification_code&error_description=The+code+is+wrong.'
    const refusal = { error: 'bad_verification_code', errorDescription: 'The code is wrong.' }
    for (const status of [200, 400])
      expect(parse({ status, body }, 'form')).toMatchObject({ refusal: { status, ...refusal } })
  })

  test('is not made out of prose or HTML', () => {
    expect(parse({ status: 500, body: 'Internal Server Error' }, 'form')).toMatchObject({
      refusal: { errorDescription: 'Internal Server Error' },
    })
    expect(() => parse({ body: '<html lang=en>' }, 'form')).toThrow('expected a JSON object')
  })
})

describe('an answer that is neither', () => {
  for (const body of ['', ' \r\n'])
    test(`is worth another try when it is 200 without a body: ${JSON.stringify(body)}`, async () => {
      expect(await problem({ body })).toMatchObject({
        code: 'ERR_TOKEN_RESPONSE',
        provider: 'example',
        serverStatus: 200,
        retryable: true,
        message: 'expected a JSON object, got status 200 without a body',
      })
    })

  for (const body of ['<!doctype html><p>Welcome marker', 'marker', '{"access_token":"marker', "{'a': 'marker'}"])
    test(`is an error that does not show it: ${body}`, async () => {
      const error = await problem({ body })
      expect(error).toMatchObject({ code: 'ERR_TOKEN_RESPONSE', serverStatus: 200, retryable: false })
      expect(error.message).not.toContain('marker')
      expect('cause' in error).toBe(false)
    })

  for (const status of [301, 302, 303, 307, 308])
    test(`is an error when it redirects with ${status}`, async () => {
      const error = await problem({ status, headers: { location: 'https://evil.example/?x=marker' }, body: '{}' })
      expect(error).toMatchObject({ code: 'ERR_TOKEN_RESPONSE', serverStatus: status })
      expect(error.message).toContain('redirects are not followed')
      expect(error.message).not.toContain('marker')
    })
})

describe('a refusal', () => {
  const refusals: readonly [
    name: string,
    status: number,
    body: unknown,
    error?: string | undefined,
    errorDescription?: string,
  ][] = [
    ['RFC 6749', 400, { error: 'invalid_grant', error_description: 'Expired.' }, 'invalid_grant', 'Expired.'],
    [
      'RFC 6749, the other way round',
      401,
      '{"error_description":"No.","error":"invalid_client"}',
      'invalid_client',
      'No.',
    ],
    ['a sentence as error', 400, { error: 'Could not retrieve Client ID' }, 'Could not retrieve Client ID'],
    [
      'WSO2 API Manager 4',
      401,
      { code: '900901', message: 'Invalid', description: 'Invalid JWT.' },
      '900901',
      'Invalid JWT.',
    ],
    [
      'WSO2 API Manager 3',
      401,
      { fault: { code: 900901, message: 'Invalid', description: 'Access failure' } },
      '900901',
      'Access failure',
    ],
    [
      'a gateway in XML',
      401,
      '<ams:fault xmlns:ams="http://wso2.org/apimanager/security"><ams:code>900901</ams:code><ams:message>Invalid Credentials</ams:message><ams:description>Access failure</ams:description></ams:fault>',
      '900901',
      'Invalid Credentials',
    ],
    [
      'WSO2 Open Banking 3',
      401,
      { errors: [{ Code: '200003', Title: 'Cert', Message: 'Invalid certificate' }] },
      '200003',
      'Invalid certificate',
    ],
    [
      'WSO2 Open Banking 4',
      400,
      { errors: [{ code: '200005', message: 'Signature', description: 'Wrong' }, { code: '2' }] },
      '200005',
      'Wrong',
    ],
    [
      'WSO2 APK',
      401,
      { error: 'access_denied', error_description: 'Invalide Client Id/Secret' },
      'access_denied',
      'Invalide Client Id/Secret',
    ],
    [
      "WSO2 APK's gateway",
      401,
      { error_message: 'Invalid Credentials', code: 401, ErrorDescription: 'x' },
      '401',
      'Invalid Credentials',
    ],
    ["WSO2 APK 2's text", 400, 'invalid grant type\n', undefined, 'invalid grant type\n'],
    [
      'core banking',
      401,
      { errors: [{ statusCode: 401, errorCode: 'E401', errorMessage: 'Token expired' }] },
      'E401',
      'Token expired',
    ],
    [
      'CIAM with error',
      401,
      { error: 10001, message: 'Access token has expired', traceid: 't' },
      '10001',
      'Access token has expired',
    ],
    [
      'CIAM with code',
      401,
      { code: '10001', message: 'Access token has expired', traceId: 't' },
      '10001',
      'Access token has expired',
    ],
    [
      'CIAM like SCIM',
      400,
      { schemas: [], status: '400', scimType: 'invalidValue', detail: 'Bad value' },
      'invalidValue',
      'Bad value',
    ],
    ['an empty body', 400, ''],
    ['an empty body', 403, ''],
    ['an HTML page', 502, '<html><body><h1>Bad Gateway</h1></body></html>'],
    ['an object without a word', 500, { ok: false }],
    ['an empty list of errors', 400, { errors: [] }],
    ['null', 400, 'null', undefined, 'null'],
  ]
  for (const [name, status, body, error, errorDescription] of refusals)
    test(`is read from ${name} with ${status}`, () => {
      expect(parse({ status, body })).toMatchObject({ refusal: { status, error, errorDescription } })
    })

  test('may come with 200', () => {
    expect(parse({ body: { error: 'invalid_client', error_description: 'No.' } })).toMatchObject({
      refusal: { status: 200, error: 'invalid_client', errorDescription: 'No.' },
    })
  })

  test('it is also when a token stands beside the error', () => {
    expect(parse({ body: { access_token: 'a', token_type: 'Bearer', error: 'invalid_scope' } })).toMatchObject({
      refusal: { status: 200, error: 'invalid_scope' },
    })
  })

  test('it is also when the error is no text', () => {
    for (const error of [{ code: 1 }, true, ['x'], 10001])
      expect(parse({ body: { access_token: 'a', error } })).toHaveProperty('refusal')
  })
})

describe('Retry-After', () => {
  const now = Date.parse('2026-03-01T12:00:00Z')
  const cases: readonly [header: string | null | undefined, ms: number | undefined][] = [
    ['0', 1_000],
    ['120', 120_000],
    [' 5 ', 5_000],
    ['Sun, 01 Mar 2026 12:02:00 GMT', 120_000],
    ['Sunday, 01-Mar-26 12:02:00 GMT', 120_000],
    ['Sun, 01 Mar 2026 11:00:00 GMT', 1_000],
    ['99999999999999999999', 3_600_000],
    ['Fri, 01 Jan 2999 00:00:00 GMT', 3_600_000],
    ['soon', undefined],
    ['-5', undefined],
    ['1.5', undefined],
    ['1e3', undefined],
    ['5 minutes', undefined],
    ['', undefined],
    [null, undefined],
    [undefined, undefined],
  ]
  for (const [header, ms] of cases)
    test(`of ${JSON.stringify(header)} is ${ms} ms`, () => {
      expect(retryAfterMs(header, now)).toBe(ms)
    })
})

test('an object is neither null nor a list', () => {
  expect([{}, null, [], 'a'].map(isObject)).toEqual([true, false, false, false])
})

test('a form that nobody could read in time is none', () => {
  const form = (pairs: number) => ({ status: 400, body: `error=invalid_grant&${'a=b&'.repeat(pairs)}` })
  expect(parse(form(50_000))).toMatchObject({ refusal: { error: 'invalid_grant' } })
  expect(parse(form(100_000))).toMatchObject({ refusal: { error: undefined } })
})
