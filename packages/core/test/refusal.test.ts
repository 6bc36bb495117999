import { describe, expect, test } from 'vitest'
import { json } from '../src/answer-shape.js'
import { saysNothing } from '../src/body.js'
import { none } from '../src/client-auth/none.js'
import { sendToEndpoint } from '../src/endpoint.js'
import { requestTokenSet } from '../src/endpoints/token.js'
import type { AuthorizationServerError } from '../src/errors.js'
import { clientCredentials } from '../src/grants/client-credentials.js'
import type { Conform, Refusal } from '../src/provider.js'
import { readFailure, readReason } from '../src/refusal.js'
import { type Answer, answering, clientOf, failure, provider } from './answering.js'

type Case = readonly [shape: string, body: unknown, error: string | undefined, errorDescription?: string | undefined]

describe('code and words of a refusal are found', () => {
  const cases: readonly Case[] = [
    [
      'error_code and msg',
      { code: 400, error_code: 'refresh_token_not_found', msg: 'Gone' },
      'refresh_token_not_found',
      'Gone',
    ],
    [
      'fault.faultstring with detail.errorcode',
      { fault: { faultstring: 'Invalid Access Token', detail: { errorcode: 'oauth.v2.InvalidAccessToken' } } },
      'oauth.v2.InvalidAccessToken',
      'Invalid Access Token',
    ],
    ['a nested error', { error: { code: 'invalid_grant', message: 'Bad' } }, 'invalid_grant', 'Bad'],
    ['a nested error with a number', { error: { code: 190, type: 'OAuthException', message: 'Bad' } }, '190', 'Bad'],
    [
      'a nested error that repeats the status',
      { error: { code: 400, message: 'TOKEN_EXPIRED', status: 'INVALID_ARGUMENT' } },
      'INVALID_ARGUMENT',
      'TOKEN_EXPIRED',
    ],
    ['a nested error in two languages', { error: { code: 'E1', message: { lang: 'en', value: 'Bad' } } }, 'E1', 'Bad'],
    [
      'ErrorCode and Error',
      { ErrorCode: 'invalid_client', Error: 'Client authentication failed' },
      'invalid_client',
      'Client authentication failed',
    ],
    [
      'ErrorCode and Error, both its own',
      { ErrorCode: 'AUTH-12', Error: 'Client is unknown' },
      'AUTH-12',
      'Client is unknown',
    ],
    [
      'errors of objects',
      { errors: [{ errorId: 1001, message: 'Invalid access token' }] },
      '1001',
      'Invalid access token',
    ],
    ['errors of texts, a code', { errors: ['invalid_grant'] }, 'invalid_grant'],
    ['errors of texts, a sentence', { errors: ['The token is expired'] }, undefined, 'The token is expired'],
    ['errors beside a code of its own', { error: 'invalid_grant', errors: [{ message: 'x' }] }, 'invalid_grant', 'x'],
    ['errors by field', { errors: { refresh_token: ['is required'] } }, undefined, 'refresh_token: is required'],
    ['a list of objects', [{ errorCode: 'INVALID_SESSION_ID', message: 'Expired' }], 'INVALID_SESSION_ID', 'Expired'],
    ['a list of texts', ['Refresh token expired'], undefined, 'Refresh token expired'],
    ['a text in JSON', 'invalid_grant', 'invalid_grant'],
    [
      'problem details',
      { type: 'https://as.example/problems/expired', title: 'Expired', status: 400, detail: 'The code is too old' },
      'https://as.example/problems/expired',
      'The code is too old',
    ],
    [
      'problem details without a type',
      { type: 'about:blank', title: 'Unauthorized', status: 401, detail: 'No' },
      'Unauthorized',
      'No',
    ],
    [
      'errorCode and errorSummary',
      { errorCode: 'E0000011', errorSummary: 'Invalid token', errorId: 'oae' },
      'E0000011',
      'Invalid token',
    ],
    ['__type', { __type: 'NotAuthorizedException', message: 'Expired' }, 'NotAuthorizedException', 'Expired'],
    ['errcode and errmsg', { errcode: 40029, errmsg: 'invalid code' }, '40029', 'invalid code'],
    [
      'a phrase of HTTP as error',
      { statusCode: 401, code: 'FST_JWT', error: 'Unauthorized', message: 'm' },
      'FST_JWT',
      'm',
    ],
    ['a code of the RFC in the words', { code: 400, message: 'invalid_grant' }, 'invalid_grant'],
    ['error: true', { error: true, error_description: 'No' }, undefined, 'No'],
    ['an empty error', { error: '', code: 'E7' }, 'E7'],
    ['data', { data: { error_code: 10008, description: 'Expired' }, message: 'error' }, '10008', 'Expired'],
  ]
  for (const [shape, body, error, errorDescription] of cases)
    test(`in ${shape}`, () => {
      expect(readReason(body)).toEqual({ error, errorDescription })
    })

  const texts: readonly Case[] = [
    ['a form', 'error=invalid_grant&error_description=Gone+now', 'invalid_grant', 'Gone now'],
    ['a bare code', ' invalid_client\n', 'invalid_client'],
    [
      'XML',
      '<OAuth><error>invalid_grant</error><error_description>Gone</error_description></OAuth>',
      'invalid_grant',
      'Gone',
    ],
    [
      'a SOAP fault',
      '<s:Fault><faultcode>s:Client</faultcode><faultstring>No</faultstring></s:Fault>',
      's:Client',
      'No',
    ],
    ['prose', 'error: try again', undefined, 'error: try again'],
  ]
  for (const [shape, text, error, errorDescription] of texts)
    test(`in ${shape}`, () => {
      expect(readReason(undefined, String(text))).toEqual({ error, errorDescription })
    })
})

describe('with status 200', () => {
  const ask = async (body: unknown, conform: Conform = {}) => {
    const { transport } = answering({ body })
    const client = clientOf(transport, { provider: provider(conform) })
    return requestTokenSet(client, clientCredentials())
  }
  const token = { access_token: 'at', token_type: 'Bearer' }

  for (const error of ['', ' ', false, 0, null, [], {}, { code: 0, message: '' }])
    test(`an error of ${JSON.stringify(error)} beside a token is none`, async () => {
      expect((await ask({ ...token, error })).accessToken).toBe('at')
    })

  for (const error of ['x', true, 1, ['x'], { code: 1 }])
    test(`an error of ${JSON.stringify(error)} beside a token is one`, async () => {
      expect(await failure(ask({ ...token, error }))).toMatchObject({ code: 'ERR_SERVER_REFUSED', serverStatus: 200 })
    })

  test('a failure in members of its own is one, where a mapping says so, and the provider classifies it', async () => {
    const seen: Refusal[] = []
    const body = { ret: 17, why: 'The refresh token is gone', token: null }
    const conform: Conform = {
      mapTokenResponse: body => {
        const { ret, why, token } = Object(body)
        return ret === 0
          ? { access_token: token, token_type: 'Bearer' }
          : { error: `ret-${ret}`, error_description: why }
      },
      classifyError: refusal => {
        seen.push(refusal)
        return refusal.error === 'ret-17' ? 'invalid_grant' : 'terminal'
      },
    }
    const error = await failure<AuthorizationServerError>(ask(body, conform))
    expect(error).toMatchObject({
      error: 'ret-17',
      error_description: body.why,
      kind: 'invalid_grant',
      serverStatus: 200,
    })
    expect(seen).toMatchObject([{ status: 200, error: 'ret-17', body }])
    expect((await ask({ ret: 0, token: 'at' }, conform)).accessToken).toBe('at')
  })

  test('an error that a mapping calls none is none', async () => {
    const mapTokenResponse: Conform['mapTokenResponse'] = body => ({
      ...Object(body),
      error: Object(body).error === 'none' ? null : Object(body).error,
    })
    expect((await ask({ ...token, error: 'none' }, { mapTokenResponse })).accessToken).toBe('at')
    expect(await failure(ask({ ...token, error: 'some' }, { mapTokenResponse }))).toMatchObject({ error: 'some' })
  })

  for (const [body, error] of [
    [{ errcode: 40029, errmsg: 'invalid code' }, '40029'],
    [{ errors: [{ code: 'E1', message: 'Bad' }] }, 'E1'],
    [{ success: false, code: 'A0230', message: 'expired' }, 'A0230'],
    ['error=bad_verification_code', 'bad_verification_code'],
  ] as const)
    test(`a failure without a token is told by its code: ${JSON.stringify(body)}`, async () => {
      expect(await failure(ask(body))).toMatchObject({ code: 'ERR_SERVER_REFUSED', error })
    })

  for (const body of [
    { code: 0, message: 'ok' },
    { code: '00000', msg: 'success' },
    { code: 200, message: 'done' },
    { error: '' },
  ])
    test(`a success without a token is no failure: ${JSON.stringify(body)}`, async () => {
      expect((await failure(ask(body))).message).toMatch(/^access_token is missing\b/)
      expect(readFailure(body)).toBeUndefined()
    })
})

describe('what a provider classifies by', () => {
  async function bodyOf(answer: Answer, conform: Conform = {}) {
    let seen: unknown
    const classifyError: Conform['classifyError'] = ({ body }, standard) => {
      seen = body
      return standard
    }
    const { transport } = answering(answer)
    await failure(
      requestTokenSet(clientOf(transport, { provider: provider({ ...conform, classifyError }) }), clientCredentials()),
    )
    return seen
  }

  test('is the parsed body, as it came', async () => {
    const body = { error: 'x', sub_code: 7, nested: { list: [1] } }
    expect(await bodyOf({ status: 400, body })).toEqual(body)
    expect(await bodyOf({ body })).toEqual(body)
  })

  test('is text where it is no JSON', async () => {
    for (const body of ['error=x&a=1', '<e>1</e>', 'No.', '']) expect(await bodyOf({ status: 400, body })).toBe(body)
  })

  test('is the parsed form where the provider answers in forms', async () => {
    expect(await bodyOf({ status: 400, body: 'error=x&a=1' }, { responseEncoding: 'form' })).toEqual({
      error: 'x',
      a: '1',
    })
  })

  test('is bounded', async () => {
    const body = JSON.stringify({ error: 'x', padding: 'y'.repeat(100_000) })
    expect(await bodyOf({ status: 400, body })).toBe(body.slice(0, 65_536))
  })
})

describe('the scope that was asked for, as a provider is given it', () => {
  async function scopeOf(scope: string | readonly string[] | undefined) {
    const seen: (string | undefined)[] = []
    const classifyError: Conform['classifyError'] = ({ scope }, standard) => {
      seen.push(scope)
      return standard
    }
    const { transport } = answering({ status: 400, body: { error: 'x' } })
    const client = clientOf(transport, { provider: provider({ classifyError }), auth: none() })
    const parameters = async () => ({ scope })
    const accepts = [json(async () => 'read')]
    await failure(sendToEndpoint(client, { endpoint: 'token_endpoint', resend: 'never', accepts, parameters }))
    return seen
  }

  test('is the text that was sent', async () => {
    expect(await scopeOf('read write')).toEqual(['read write'])
  })

  test('is none where none was sent, or several', async () => {
    expect([await scopeOf(undefined), await scopeOf(['read', 'write'])]).toEqual([[undefined], [undefined]])
  })
})

test('what says nothing is blank, empty, zero or false, and what holds only such', () => {
  expect(
    [null, undefined, '', ' \n', 0, false, [], {}, [0, ''], { a: { b: null } }].every(one => saysNothing(one)),
  ).toBe(true)
  expect(['a', '0', 1, true, [0, 1], { a: 'b' }].some(one => saysNothing(one))).toBe(false)
})
