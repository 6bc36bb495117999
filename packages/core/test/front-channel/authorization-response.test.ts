import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { clientCertificate } from '../../src/certificate.js'
import { dpopKey } from '../../src/dpop.js'
import { requestTokenSet } from '../../src/endpoints/token.js'
import type { AuthorizationAnswer } from '../../src/front-channel/authorization-answer.js'
import type { AuthorizationRequestOptions } from '../../src/front-channel/authorization-request.js'
import { readAuthorizationResponse } from '../../src/front-channel/authorization-response.js'
import type { AuthorizationTransaction } from '../../src/front-channel/transaction.js'
import type { Grant } from '../../src/grants/grant.js'
import { signer } from '../../src/signer.js'
import { failure } from '../answering.js'
import { issue } from '../fixtures/certificates.js'
import { claims, issuer, keyFor } from '../openid-server.js'
import { deferred, json } from '../scripted-server.js'
import { begun, type Circumstances, half, idTokenOf, key, query, redirectUri, signedAnswer } from './login.js'

const hour = 3_600_000
const promised = { metadata: { authorization_response_iss_parameter_supported: true } }

/** Reads an answer to a request of these options. */
async function answered(
  answer: (transaction: AuthorizationTransaction) => AuthorizationAnswer | Promise<AuthorizationAnswer>,
  options: Partial<AuthorizationRequestOptions> = {},
  circumstances: Circumstances = {},
): Promise<Grant> {
  const { client, transaction } = await begun(options, circumstances)
  return readAuthorizationResponse(client, transaction, await answer(transaction))
}

const good = ({ state }: AuthorizationTransaction) => `${redirectUri}?${query({ code: 'code-1', state })}`

describe('an answer', () => {
  const forms: Record<string, (query: string) => AuthorizationAnswer> = {
    'as URL': query => new URL(`${redirectUri}?${query}`),
    'as the text of a URL': query => `${redirectUri}?${query}`,
    'as a URL behind a proxy': query => `http://10.0.0.7:3000/cb?${query}`,
    'as path and query': query => `/cb?${query}`,
    'as query alone': query => `?${query}`,
    'as parameters': query => new URLSearchParams(query),
    'as text of parameters': query => query,
    'as the object of a framework': query => Object.fromEntries(new URLSearchParams(query)),
    'as form data': query => {
      const form = new FormData()
      for (const [name, value] of new URLSearchParams(query)) form.append(name, value)
      return form
    },
  }
  for (const [name, form] of Object.entries(forms))
    test(`${name} is read, and its code redeemed with all that the request has said`, async () => {
      const { client, transaction, server } = await begun({ resource: 'https://api.example/' })
      const grant = await readAuthorizationResponse(
        client,
        JSON.parse(JSON.stringify(transaction)),
        form(query({ code: 'code-1', state: transaction.state, session_state: 'x' })),
      )
      const { promise: sent, resolve } = deferred<Readonly<Record<string, string>>>()
      server.tokens = form => {
        resolve(form)
        return json(200, { access_token: 'at-1', token_type: 'Bearer' })
      }
      expect((await requestTokenSet(client, grant)).accessToken).toBe('at-1')
      expect(await sent).toEqual({
        grant_type: 'authorization_code',
        code: 'code-1',
        redirect_uri: redirectUri,
        code_verifier: transaction.codeVerifier,
        resource: 'https://api.example/',
      })
    })

  test('may come to a redirect URI with a query of its own', async () => {
    const own = { redirectUri: 'https://app.example/cb?tenant=1' }
    await answered(({ state }) => `/cb?tenant=1&${query({ code: 'c', state })}`, own)
    const other = answered(({ state }) => `/cb?tenant=2&${query({ code: 'c', state })}`, own)
    expect(await failure(other)).toMatchObject({ check: 'redirect_uri' })
  })

  test('is of a grant that shows neither code nor verifier', async () => {
    const { client, transaction } = await begun()
    const grant = await readAuthorizationResponse(client, transaction, good(transaction))
    const shown = inspect(grant, { depth: 9 })
    for (const secret of ['code-1', transaction.codeVerifier, transaction.state]) expect(shown).not.toContain(secret)
  })

  test('is redeemed by the client that read it alone', async () => {
    const grant = await answered(good)
    const { client: other } = await begun({}, { client: { clientId: 'another' } })
    expect(await failure(requestTokenSet(other, grant))).toMatchObject({ name: 'TypeError', option: 'client' })
  })
})

test('tells what an error says that has come without state, however the login is found', async () => {
  const { client, transaction } = await begun()
  for (const kept of [transaction, () => transaction]) {
    const { message } = await failure(readAuthorizationResponse(client, kept, '/cb?error=access_denied'))
    expect(message).toMatch(/^state: is missing; .* says "access_denied"$/)
  }
})

describe('refused by name:', () => {
  type Case = [
    check: string,
    what: string,
    answer: (transaction: AuthorizationTransaction) => AuthorizationAnswer | Promise<AuthorizationAnswer>,
    options?: Partial<AuthorizationRequestOptions>,
    circumstances?: Circumstances,
  ]
  const by = (more: Record<string, string | undefined>, at = '?') => {
    const make = ({ state }: AuthorizationTransaction) => `/cb${at}${query({ code: 'code-1', state, ...more })}`
    return make
  }
  const hybrid = { scope: 'openid', responseType: 'code id_token' } as const
  const signed = { responseMode: 'jwt' } as const
  const cases: readonly Case[] = [
    ['state', 'no state', by({ state: undefined })],
    ['state', 'an empty state', by({ state: '' })],
    ['state', 'another state', by({ state: 'another' })],
    ['state', 'an error without state', () => '/cb?error=access_denied'],
    ['state', 'an error with another state', () => '/cb?error=access_denied&state=another'],
    ['state', 'nothing at all', () => '/cb'],
    ['state', 'a body that is no form', () => '<html>'],
    ['iss', 'another issuer', by({ iss: 'https://evil.example' })],
    ['iss', 'the issuer with a slash', by({ iss: `${issuer}/` })],
    ['iss', 'an empty issuer', by({ iss: '' })],
    ['iss', 'an issuer that repeats the code', by({ iss: 'https://evil.example/code-1' })],
    ['iss', 'no issuer where the server promises one', by({}), {}, promised],
    ['iss', 'an error of another issuer', by({ code: undefined, error: 'access_denied', iss: 'https://evil.example' })],
    ['iss', 'an error without the issuer that is promised', by({ code: undefined, error: 'a' }), {}, promised],
    ['code', 'no code', by({ code: undefined })],
    ['code', 'an empty code', by({ code: '' })],
    ['code', 'a code with a line break', by({ code: 'a\nb' })],
    ['code', 'a code that was never set', by({ code: 'undefined' })],
    ['response_type', 'an access token', by({ access_token: 'at-1' })],
    ['response_type', 'an ID token nobody asked for', by({ id_token: 'e.y.J' })],
    ['response_mode', 'a fragment where a query was asked for', by({}, '#')],
    ['response_mode', 'a query where a fragment was asked for', by({}), { responseMode: 'fragment' }],
    ['response_mode', 'a query where a form post was asked for', by({}), { responseMode: 'form_post' }],
    ['response_mode', 'query and fragment', ({ state }) => `/cb?code=a&state=${state}#code=b&state=${state}`],
    ['response_mode', 'a plain answer where a signed one was asked for', by({}), signed],
    ['response_mode', 'a signed answer where a plain one was asked for', () => '/cb?response=e.y.J'],
    ['redirect_uri', 'another path', ({ state }) => `/other?${query({ code: 'c', state })}`],
    ['id_token', 'no ID token in the hybrid flow', by({}, '#'), hybrid],
    ...['code', 'state', 'iss', 'error', 'id_token', 'response'].flatMap((name): Case[] => [
      [name, `${name} twice in a query`, () => `/cb?${name}=a&${name}=a`],
      [name, `${name} twice in a fragment`, () => `/cb#${name}=a&${name}=b`],
      [name, `${name} twice in an object`, () => ({ [name]: ['a', 'a'] })],
      [name, `${name} as an object`, () => ({ [name]: { a: 'b' } })],
    ]),
    ['code', 'a code beyond all measure', () => ({ code: 'c'.repeat(200_000) })],
    ['response', 'an answer beyond all measure', () => `/cb?${'x=y&'.repeat(100_000)}`],
    ['jwt', 'a signed answer that is none', () => '/cb?response=no', signed],
    [
      'signature',
      'an answer that another key signed',
      async transaction => {
        const other = keyFor('RS256', { kid: key.kid })
        return `/cb?response=${await signedAnswer(transaction, {}, other)}`
      },
      signed,
    ],
    ...(
      [
        ['iss', { iss: 'https://evil.example' }],
        ['iss', { iss: undefined }],
        ['aud', { aud: 'another' }],
        ['aud', { aud: undefined }],
        ['exp', { exp: undefined }],
        ['exp', { exp: '9999999999' }],
        ['exp', { exp: Number(claims().iat) - 60 }],
        ['state', { state: 'another' }],
        ['state', { state: undefined }],
        ['code', { code: undefined }],
        ['code', { code: 7 }],
      ] as const
    ).map(
      ([check, members]): Case => [
        check,
        `a signed answer with ${JSON.stringify({ [check]: null, ...members })}`,
        async transaction => `/cb?response=${await signedAnswer(transaction, members)}`,
        signed,
      ],
    ),
    [
      'response_mode',
      'a signed answer in the fragment where a query was asked for',
      async transaction => {
        return `/cb#response=${await signedAnswer(transaction)}`
      },
      signed,
    ],
    ...(
      [
        ['nonce', { nonce: 'another' }],
        ['nonce', { nonce: undefined }],
        ['c_hash', { c_hash: undefined }],
        ['c_hash', { c_hash: half('another') }],
        ['s_hash', { s_hash: half('another') }],
        ['iss', { iss: 'https://evil.example' }],
        ['aud', { aud: 'another' }],
      ] as const
    ).map(
      ([check, members]): Case => [
        check,
        `a hybrid answer whose ID token has ${JSON.stringify({ [check]: null, ...members })}`,
        async transaction => {
          const { state } = transaction
          const id_token = await idTokenOf(transaction, { c_hash: half('code-1'), s_hash: half(state), ...members })
          return `/cb#${query({ code: 'code-1', state, id_token })}`
        },
        hybrid,
      ],
    ),
    [
      'openbanking_intent_id',
      'a hybrid answer about another consent',
      async transaction => {
        const { state } = transaction
        const about = { openbanking_intent_id: 'c-2', c_hash: half('code-1') }
        return `/cb#${query({ code: 'code-1', state, id_token: await idTokenOf(transaction, about) })}`
      },
      { ...hybrid, openbankingIntentId: 'c-1' },
    ],
  ]
  test.each(cases)('%s, for %s', async (check, _, answer, options, circumstances) => {
    const error = await failure(answered(answer, options, circumstances))
    expect(error).toMatchObject({ code: 'ERR_VALIDATION', check, provider: 'example' })
    expect(inspect(error, { depth: 9 })).not.toContain('code-1')
  })

  test('an issuer by what came and what was wanted', async () => {
    const error = await failure(answered(by({ iss: 'https://evil.example' })))
    expect(error.message).toContain('"https://evil.example"')
    expect(error.message).toContain(`"${issuer}"`)
  })

  test('an answer that lost its fragment, with what may have become of it', async () => {
    const error = await failure(answered(() => '/cb', hybrid))
    expect(error.message).toContain('a fragment does not reach the server by itself')
  })

  test.each([[undefined], [7], [null], [Promise.resolve('/cb')], [{ url: '/cb', headers: {} }]])(
    'a TypeError for what is no answer: %s',
    async answer => {
      const { client, transaction } = await begun()
      const refused = await failure(readAuthorizationResponse(client, transaction, answer as never))
      expect(refused).toMatchObject({ name: 'TypeError', option: 'answer' })
    },
  )
})

describe('the transaction', () => {
  const read = async (change: (transaction: Record<string, unknown>) => unknown, circumstances?: Circumstances) => {
    const { client, transaction } = await begun({ scope: 'openid' }, circumstances)
    return failure(readAuthorizationResponse(client, change({ ...transaction }) as never, good(transaction)))
  }
  test.each([[undefined], [null], ['text'], [[]]])('that is %s was not kept', async kept => {
    expect(await read(() => kept)).toMatchObject({ code: 'ERR_VALIDATION', check: 'transaction' })
  })

  const members = {
    version: 2,
    issuer: 7,
    clientId: '',
    redirectUri: 'no URL',
    responseType: 'token',
    responseMode: 'jwt',
    state: undefined,
    nonce: 7,
    codeVerifier: null,
    scope: ['openid'],
    resource: 'https://api.example/',
    maxAgeSeconds: '1',
    essentialAcr: [7],
    expectedClaims: { sub: 7 },
    requiresStateHash: 'yes',
    dpopThumbprint: 7,
    expiresAt: '2030-01-01',
  }
  for (const [member, value] of Object.entries(members))
    test(`is refused by the name of its ${member}, and shows nothing of it`, async () => {
      let kept: Record<string, unknown> = {}
      const error = await read(transaction => {
        kept = { ...transaction, [member]: value }
        return kept
      })
      expect(error).toMatchObject({ code: 'ERR_VALIDATION', check: 'transaction' })
      expect(error.message).toContain(` ${member} `)
      for (const secret of ['state', 'nonce', 'codeVerifier'].map(name => kept[name]))
        if (typeof secret === 'string') expect(inspect(error, { depth: 9 })).not.toContain(secret)
    })

  test('of another client is refused', async () => {
    expect(await read(transaction => ({ ...transaction, clientId: 'another' }))).toMatchObject({ check: 'client_id' })
  })

  test('of another server is refused', async () => {
    const other = await read(transaction => ({ ...transaction, issuer: 'https://evil.example' }))
    expect(other).toMatchObject({ check: 'issuer' })
  })

  test('of another DPoP key is refused, since the code is for the first one alone', async () => {
    const [one, other] = [dpopKey(), dpopKey()]
    const { client, transaction, url } = await begun({}, { client: { dpop: one } })
    expect(new URL(url).searchParams.get('dpop_jkt')).toBe(one.thumbprint)
    const { client: restarted } = await begun({}, { client: { dpop: other } })
    const refused = await failure(readAuthorizationResponse(restarted, transaction, good(transaction)))
    expect(refused).toMatchObject({ check: 'dpop_jkt' })
    await readAuthorizationResponse(client, JSON.parse(JSON.stringify(transaction)), good(transaction))
  })

  test('is good for an hour, or as long as was said', async () => {
    const { client, transaction, server } = await begun({ lifetimeMs: 1_000 })
    server.clock.advance(1_000)
    const late = await failure(readAuthorizationResponse(client, transaction, good(transaction)))
    expect(late).toMatchObject({ check: 'transaction_expired' })
    const patient = await begun()
    patient.server.clock.advance(hour - 1)
    await readAuthorizationResponse(patient.client, patient.transaction, good(patient.transaction))
  })

  test('keeps what a program has put beside it', async () => {
    const { client, transaction } = await begun()
    await readAuthorizationResponse(client, { ...transaction, returnTo: '/home' } as never, good(transaction))
  })
})

describe('a transaction is found by the state of the answer', () => {
  test.each([undefined, 'jwt', 'form_post.jwt', 'form_post'] as const)('by %s', async responseMode => {
    const { client, transaction } = await begun({ responseMode })
    const kept = new Map([[transaction.state, JSON.parse(JSON.stringify(transaction)) as AuthorizationTransaction]])
    const isSigned = responseMode?.endsWith('jwt')
    const answer = new URLSearchParams(
      isSigned ? { response: await signedAnswer(transaction) } : { code: 'code-1', state: transaction.state },
    )
    const take = async (state: string) => {
      const found = kept.get(state)
      kept.delete(state)
      return found
    }
    const grant = await readAuthorizationResponse(client, take, answer)
    expect((await grant.parameters({ client, endpoint: '' })).code).toBe('code-1')
    expect(await failure(readAuthorizationResponse(client, take, answer))).toMatchObject({ check: 'transaction' })
  })

  test('and nothing is asked for an answer without one, or one that nobody has signed', async () => {
    const { client, transaction } = await begun({ responseMode: 'jwt' })
    const take = () => expect.unreachable()
    const other = await signedAnswer(transaction, {}, keyFor('RS256'))
    for (const [check, answer] of [
      ['state', '/cb?code=c'],
      ['kid', `/cb?response=${other}`],
    ] as const)
      expect(await failure(readAuthorizationResponse(client, take, answer))).toMatchObject({ check })
  })

  test('has to fit the answer all the same', async () => {
    const { client, transaction } = await begun({ responseMode: 'jwt' })
    const found = (answer: string, one = transaction) => failure(readAuthorizationResponse(client, () => one, answer))
    expect(await found(good(transaction))).toMatchObject({ check: 'response_mode' })
    expect(await found('/cb?code=c&state=another')).toMatchObject({ check: 'response_mode' })
    const { transaction: plain } = await begun()
    expect(await found('/cb?code=c&state=another', plain)).toMatchObject({ check: 'state' })
    const signed = `/cb?response=${await signedAnswer(plain)}`
    expect(await found(signed, plain)).toMatchObject({ check: 'response_mode' })
  })
})

describe('an answer is taken once', () => {
  test('the second time it is refused, whatever came of the first', async () => {
    const { client, transaction } = await begun()
    await readAuthorizationResponse(client, transaction, good(transaction))
    const again = readAuthorizationResponse(client, JSON.parse(JSON.stringify(transaction)), good(transaction))
    expect(await failure(again)).toMatchObject({ check: 'used_answer' })
    const refused = await begun()
    const wrong = `${good(refused.transaction)}&iss=https%3A%2F%2Fevil.example`
    await failure(readAuthorizationResponse(refused.client, refused.transaction, wrong))
    const right = readAuthorizationResponse(refused.client, refused.transaction, good(refused.transaction))
    expect(await failure(right)).toMatchObject({ check: 'used_answer' })
  })

  test('two that are read at once are one', async () => {
    const { client, transaction } = await begun()
    const both = [0, 1].map(() => readAuthorizationResponse(client, transaction, good(transaction)))
    const outcomes = await Promise.allSettled(both)
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  test('one of another state uses nothing up', async () => {
    const { client, transaction } = await begun()
    await failure(readAuthorizationResponse(client, transaction, '/cb?code=c&state=guessed'))
    await readAuthorizationResponse(client, transaction, good(transaction))
  })

  test('one that could not be looked at, since the keys could not be had, may come again', async () => {
    const { client, transaction, server } = await begun({ scope: 'openid', responseType: 'code id_token' })
    const { state } = transaction
    const id_token = await idTokenOf(transaction, { c_hash: half('code-1') })
    const answer = `/cb#${query({ code: 'code-1', state, id_token })}`
    server.answer = () => json(503, {})
    const early = await failure(readAuthorizationResponse(client, transaction, answer))
    expect(early).toMatchObject({ check: 'jwks', retryable: true })
    server.answer = undefined
    server.clock.advance(60_000)
    await readAuthorizationResponse(client, transaction, answer)
  })
})

describe('an error', () => {
  const refused = (
    error: string,
    more: Record<string, string> = {},
    options: Partial<AuthorizationRequestOptions> = {},
    at = '?',
  ) => failure(answered(({ state }) => `/cb${at}${query({ error, state, ...more })}`, options))

  test.each([
    ['access_denied', 'denied', false],
    ['login_required', 'interaction_required', false],
    ['interaction_required', 'interaction_required', false],
    ['consent_required', 'interaction_required', false],
    ['account_selection_required', 'interaction_required', false],
    ['unmet_authentication_requirements', 'interaction_required', false],
    ['temporarily_unavailable', 'transient', true],
    ['server_error', 'transient', true],
    ['unauthorized_client', 'invalid_client', false],
    ['invalid_scope', 'invalid_scope', false],
    ['invalid_request', 'terminal', false],
    ['unsupported_response_type', 'terminal', false],
    ['invalid_request_object', 'terminal', false],
    ['another_error', 'terminal', false],
  ])('%s is told as %s', async (error, kind, retryable) => {
    expect(await refused(error)).toMatchObject({
      name: 'AuthorizationRefusedError',
      code: 'ERR_AUTHORIZATION_REFUSED',
      provider: 'example',
      message: `example refused the authorization request (${error})`,
      error,
      kind,
      retryable,
    })
  })

  test.each([
    ['#', { responseMode: 'query' }],
    ['?', { scope: 'openid', responseType: 'code id_token' }],
    ['?', { responseMode: 'form_post' }],
    ['#', { responseMode: 'query.jwt' }],
  ] as const)('may come by %s, whatever was asked for: %o', async (at, options) => {
    expect(await refused('access_denied', {}, options, at)).toMatchObject({ kind: 'denied' })
  })

  test('may be signed', async () => {
    const answer = answered(
      async transaction =>
        `/cb?response=${await signedAnswer(transaction, { code: undefined, error: 'access_denied' })}`,
      { responseMode: 'jwt' },
    )
    expect(await failure(answer)).toMatchObject({ kind: 'denied' })
  })

  test('shows nothing of what somebody else has written but its code, and that only where it can be one', async () => {
    const text = '<script>alert(1)</script>\u001b[31m eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJlLWlzLWhlcmU'
    const error = await refused('access_denied', { error_description: text })
    expect(error.message).toBe('example refused the authorization request (access_denied)')
    expect(error.error_description).toMatch(/^<script>.*\[redacted\]$/)
    expect(error.error_description).not.toMatch(/[^ -~]|eyJ/)
    const odd = await refused('<b>no</b>')
    expect(odd).toMatchObject({ error: undefined, kind: 'terminal' })
    expect(odd.message).toBe('example refused the authorization request (unknown error)')
  })

  test('wins over a code beside it', async () => {
    expect(await refused('access_denied', { code: 'c' })).toMatchObject({ kind: 'denied' })
  })
})

describe('a signed answer', () => {
  test.each([
    ['jwt', '/cb?response='],
    ['query.jwt', '/cb?response='],
    ['fragment.jwt', '/cb#response='],
    ['form_post.jwt', 'response='],
  ] as const)('by %s is read', async (responseMode, before) => {
    const grant = await answered(async transaction => `${before}${await signedAnswer(transaction)}`, { responseMode })
    expect(grant.grantType).toBe('authorization_code')
  })

  test('counts, and nothing that stands beside it', async () => {
    const answer = async (transaction: AuthorizationTransaction) =>
      `/cb?code=forged&iss=forged&state=forged&response=${await signedAnswer(transaction)}`
    const { client, transaction } = await begun({ responseMode: 'jwt' })
    const grant = await readAuthorizationResponse(client, transaction, await answer(transaction))
    const { code } = await grant.parameters({ client, endpoint: '' })
    expect(code).toBe('code-1')
  })

  test('needs no iss beside its own', async () => {
    await answered(
      async transaction => `/cb?response=${await signedAnswer(transaction)}`,
      { responseMode: 'jwt' },
      promised,
    )
  })
})

test('an answer with an ID token needs no iss beside it, an error does', async () => {
  const options = { scope: 'openid', responseType: 'code id_token' } as const
  const { client, transaction } = await begun(options, promised)
  const { state } = transaction
  const id_token = await idTokenOf(transaction, { c_hash: half('code-1') })
  await readAuthorizationResponse(client, transaction, `/cb#${query({ code: 'code-1', state, id_token })}`)
  const error = answered(({ state }) => `/cb#${query({ error: 'access_denied', state })}`, options, promised)
  expect(await failure(error)).toMatchObject({ check: 'iss' })
})

describe('the ID token', () => {
  async function redeemed(
    members: Readonly<Record<string, unknown>> | undefined,
    options: Partial<AuthorizationRequestOptions> = { scope: 'openid' },
    circumstances: Circumstances = {},
  ) {
    const { client, transaction, server } = await begun(options, circumstances)
    const { state, responseType } = transaction
    const id_token =
      responseType === 'code'
        ? undefined
        : await idTokenOf(transaction, { c_hash: half('code-1'), s_hash: half(state) })
    const at = responseType === 'code' ? '?' : '#'
    const answer = `/cb${at}${query({ code: 'code-1', state, id_token })}`
    const grant = await readAuthorizationResponse(client, transaction, answer)
    server.tokens = async () => {
      const idToken = members && (await idTokenOf(transaction, members))
      return json(200, { access_token: 'at-1', token_type: 'Bearer', refresh_token: 'rt-1', id_token: idToken })
    }
    return requestTokenSet(client, grant)
  }

  test('that comes for the code is checked, and its claims are those of the token set', async () => {
    const tokenSet = await redeemed({ email: 'ann@example.com', at_hash: half('at-1') })
    expect(tokenSet.idTokenClaims).toMatchObject({ sub: 'user', email: 'ann@example.com' })
  })

  test('tells of scope that was asked for and not granted, also where the answer names none', async () => {
    const options = { scope: 'openid accounts payments' }
    expect(await redeemed({}, options)).toMatchObject({ scope: options.scope, missingScope: [] })
  })

  test('is not missed where openid was not asked for', async () => {
    expect((await redeemed(undefined, { scope: 'accounts' })).accessToken).toBe('at-1')
  })

  const hybrid = { scope: 'openid', responseType: 'code id_token' } as const
  test('of the hybrid flow has the same subject as the one before', async () => {
    expect((await redeemed({}, hybrid)).idTokenClaims).toMatchObject({ sub: 'user' })
    expect(await failure(redeemed({ sub: 'eve' }, hybrid))).toMatchObject({ check: 'sub' })
  })

  test.each([
    ['id_token', undefined, {}],
    ['nonce', { nonce: 'another' }, {}],
    ['nonce', { nonce: undefined }, {}],
    ['iss', { iss: 'https://evil.example' }, {}],
    ['aud', { aud: 'another' }, {}],
    ['at_hash', { at_hash: half('another') }, {}],
    ['c_hash', { c_hash: half('another') }, {}],
    ['acr', { acr: 'urn:weak' }, { essentialAcr: 'urn:sca' }],
    ['auth_time', {}, { maxAgeSeconds: 60 }],
    ['sub', { sub: 'eve' }, { claims: { id_token: { sub: { value: 'ann' } } } }],
    ['openbanking_intent_id', { openbanking_intent_id: 'c-2' }, { openbankingIntentId: 'c-1' }],
  ] as const)('is refused for its %s: %o', async (check, members, options) => {
    expect(await failure(redeemed(members, { scope: 'openid', ...options }))).toMatchObject({
      code: 'ERR_VALIDATION',
      check,
    })
  })

  test('may leave acr as it is where the provider says so', async () => {
    const options = { scope: 'openid', essentialAcr: 'urn:sca' }
    const tokenSet = await redeemed({ acr: 'urn:weak' }, options, { conform: { relax: ['acr'] } })
    expect(tokenSet.accessToken).toBe('at-1')
  })

  test('of a hybrid answer has s_hash where that is required, as it is by default of FAPI 1.0 Advanced', async () => {
    const required = async (options: object, circumstances?: Circumstances) =>
      (await begun({ ...hybrid, ...options }, circumstances)).transaction.requiresStateHash
    const requestObject = { signer: signer({ key: key.privateKey, alg: 'RS256' }) }
    const { cert, key: certificateKey } = issue({ name: 'client' })
    const certificate = clientCertificate({ cert, key: certificateKey })
    const fapi = { client: { tls: { certificate }, clock: { now: () => Date.now() } } }
    expect(await required({})).toBeUndefined()
    expect(await required({ requestObject })).toBeUndefined()
    expect(await required({}, fapi)).toBeUndefined()
    expect(await required({ requestObject }, fapi)).toBe(true)
    expect(await required({ requestObject, responseMode: 'jwt' }, fapi)).toBeUndefined()
    expect(await required({ requestObject, requiresStateHash: false }, fapi)).toBeUndefined()
    const { client, transaction } = await begun({ ...hybrid, requiresStateHash: true })
    const id_token = await idTokenOf(transaction, { c_hash: half('code-1') })
    const answer = `/cb#${query({ code: 'code-1', state: transaction.state, id_token })}`
    expect(await failure(readAuthorizationResponse(client, transaction, answer))).toMatchObject({ check: 's_hash' })
  })
})
