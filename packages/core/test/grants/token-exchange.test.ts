import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import {
  clientCredentials,
  createTokenSource,
  createUserTokenSources,
  memoryStore,
  requestTokenSet,
  type TokenExchangeOptions,
  tokenExchange,
} from '../../src/index.js'
import { failure, refusal } from '../answering.js'
import { issue, json, refuse, rotate, type Setup, setUp } from '../scripted-server.js'

const kind = (name: string) => `urn:ietf:params:oauth:token-type:${name}`
const sourceOf = ({ client }: Pick<Setup, 'client'>, options: TokenExchangeOptions) =>
  createTokenSource({ client, grant: tokenExchange(options) })
const subjects = ({ server }: Pick<Setup, 'server'>) => server.requests.map(({ form }) => form.subject_token)

/** Another server, and a client of it that has users. */
const elsewhere = (answer = rotate()) => setUp(answer, { clientId: 'elsewhere' })

describe('tokenExchange', () => {
  test('sends what RFC 8693 §2.1 names, and keeps what was issued', async () => {
    const setup = setUp(issue({ issued_token_type: kind('access_token') }))
    const source = sourceOf(setup, {
      subjectToken: 'of-alice',
      subjectTokenType: 'id_token',
      actorToken: 'of-robot',
      actorTokenType: 'urn:example:robot',
      requestedTokenType: 'access_token',
      audience: ['inventory', 'billing'],
      resource: 'https://api.example',
      scope: ['read', 'write'],
    })
    const tokenSet = await source.getTokenSet()
    expect(await source.getTokenSet()).toBe(tokenSet)
    expect(tokenSet.additional.issued_token_type).toBe(kind('access_token'))
    expect(setup.server.requests).toHaveLength(1)
    expect(setup.server.requests[0]?.form).toEqual({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: 'of-alice',
      subject_token_type: kind('id_token'),
      actor_token: 'of-robot',
      actor_token_type: 'urn:example:robot',
      requested_token_type: kind('access_token'),
      // the last of two
      audience: 'billing',
      resource: 'https://api.example',
      scope: 'read write',
    })
  })

  test('takes a subject token from a source anew for each attempt', async () => {
    const setup = setUp()
    const other = elsewhere()
    const alice = createUserTokenSources({ client: other.client }).for('alice')
    await alice.import({ refreshToken: 'refresh-0' })
    const source = sourceOf(setup, { subjectToken: alice })
    await source.getTokenSet()
    await alice.getTokenSet({ force: true })
    await source.getTokenSet({ force: true })
    expect(subjects(setup)).toEqual(['token-1', 'token-2'])
    expect(setup.server.requests[0]?.form.subject_token_type).toBe(kind('access_token'))
  })

  test('shows the ID token of a source where that is asked for', async () => {
    const setup = setUp()
    const other = elsewhere(rotate({ id_token: 'a.b.c' }))
    const alice = createUserTokenSources({ client: other.client }).for('alice')
    await alice.import({ refreshToken: 'refresh-0' })
    await sourceOf(setup, { subjectToken: alice, subjectTokenType: 'id_token' }).getTokenSet()
    expect(subjects(setup)).toEqual(['a.b.c'])
    other.server.answer = rotate()
    await createUserTokenSources({ client: other.client }).for('alice').forget()
    await alice.import({ accessToken: 'without-one' })
    const again = sourceOf(setup, { subjectToken: alice, subjectTokenType: 'id_token', scope: 'b' })
    expect(await failure(again.getTokenSet())).toMatchObject({ code: 'ERR_GRANT' })
    expect(setup.server.requests).toHaveLength(1)
  })

  test("finds each user's token again, whichever view of them it is asked by, and in every process", async () => {
    const setup = setUp()
    const other = elsewhere()
    const users = () => createUserTokenSources({ client: other.another() })
    for (const subject of ['alice', 'bob'])
      await users()
        .for(subject)
        .import({ accessToken: `of-${subject}` })
    const store = memoryStore()
    const exchanged = async (subject: string) => {
      const grant = tokenExchange({ subjectToken: users().for(subject) })
      return (await createTokenSource({ client: setup.another(), grant, store }).getTokenSet()).accessToken
    }
    expect(await exchanged('alice')).toBe('token-1')
    expect(await exchanged('bob')).toBe('token-2')
    expect(await exchanged('alice')).toBe('token-1')
    expect(subjects(setup)).toEqual(['of-alice', 'of-bob'])
  })

  test("an application's token is exchanged too, and told from that of another grant", async () => {
    const setup = setUp()
    const other = elsewhere(issue())
    const exchanged = async (scope: string) => {
      const subjectToken = createTokenSource({ client: other.client, grant: clientCredentials({ scope }) })
      return (await sourceOf(setup, { subjectToken }).getTokenSet()).accessToken
    }
    expect([await exchanged('a'), await exchanged('b'), await exchanged('a')]).toEqual([
      'token-1',
      'token-2',
      'token-1',
    ])
  })

  test('a source that has no token is no word of this server', async () => {
    const setup = setUp()
    const other = elsewhere(refuse(400, 'invalid_grant'))
    const alice = createUserTokenSources({ client: other.client }).for('alice')
    await alice.import({ refreshToken: 'dead' })
    const error = await failure(sourceOf(setup, { subjectToken: alice }).getTokenSet())
    expect(error).toMatchObject({ code: 'ERR_GRANT', retryable: false, cause: { code: 'ERR_LOGIN_REQUIRED' } })
    expect(setup.server.requests).toEqual([])
    await sourceOf(setup, { subjectToken: 'of-bob' }).getTokenSet()
  })

  test('a subject token that the server refuses makes neither the client rest nor another subject', async () => {
    const setup = setUp(({ form }) =>
      form.subject_token === 'dead'
        ? json(401, { error: 'invalid_token' })
        : json(200, { access_token: 'at', token_type: 'bearer' }),
    )
    expect(await failure(sourceOf(setup, { subjectToken: 'dead' }).getTokenSet())).toMatchObject({ kind: 'terminal' })
    await sourceOf(setup, { subjectToken: 'alive' }).getTokenSet()
  })

  test('gives a user their first tokens', async () => {
    const setup = setUp(rotate())
    const user = createUserTokenSources({ client: setup.client }).for('alice')
    await user.redeem(tokenExchange({ subjectToken: 'of-alice', requestedTokenType: 'refresh_token' }))
    await user.getTokenSet({ force: true })
    expect(setup.server.requests[1]?.form).toMatchObject({ grant_type: 'refresh_token', refresh_token: 'refresh-1' })
  })

  test('refuses another kind than the one asked for; a JWT may be called an access token', async () => {
    const ask = (requestedTokenType: string, issued: unknown) =>
      requestTokenSet(
        setUp(issue({ issued_token_type: issued })).client,
        tokenExchange({ subjectToken: 'x', requestedTokenType }),
      )
    expect(await failure(ask('access_token', kind('id_token')))).toMatchObject({
      code: 'ERR_VALIDATION',
      check: 'issued_token_type',
      message: expect.stringContaining('is id_token; access_token was asked for'),
    })
    for (const issued of [{ a: 1 }, { toString: 1 }, [[]]])
      expect(await failure(ask('saml2', issued))).toMatchObject({ check: 'issued_token_type' })
    for (const issued of [undefined, kind('access_token'), kind('jwt')]) await ask('jwt', issued)
  })

  test('shows neither token in an error, nor where the grant is printed', async () => {
    const setup = setUp(({ form }) =>
      json(400, { error: 'invalid_request', error_description: `${form.subject_token} ${form.actor_token}` }),
    )
    const grant = tokenExchange({ subjectToken: 'secret-subject', actorToken: 'secret-actor' })
    const error = await failure(requestTokenSet(setup.client, grant))
    expect(inspect([error, grant], { depth: 9 })).not.toMatch(/secret-/)
  })
})

describe('tokenExchange refuses', () => {
  const cases: readonly (readonly [string, object, string])[] = [
    ['no subject token', {}, 'subjectToken'],
    ['one that was not awaited', { subjectToken: Promise.resolve('x') }, 'subjectToken'],
    ['a token set', { subjectToken: { accessToken: 'x' } }, 'subjectToken'],
    ['a kind it cannot send', { subjectToken: 'x', subjectTokenType: 'accessToken' }, 'subjectTokenType'],
    ['the type of an actor who is not there', { subjectToken: 'x', actorTokenType: 'jwt' }, 'actorTokenType'],
    ['an empty audience', { subjectToken: 'x', audience: [''] }, 'audience'],
    ['a parameter of its own', { subjectToken: 'x', parameters: { actor_token: 'y' } }, 'parameters.actor_token'],
  ]
  test.each(cases)('%s', (_, options, option) => {
    expect(refusal(() => tokenExchange(options as TokenExchangeOptions)).option).toBe(option)
  })

  test("a source's refresh token, which is that source's alone", () => {
    const alice = createUserTokenSources({ client: setUp().client }).for('alice')
    const options = { subjectToken: alice, subjectTokenType: 'refresh_token' }
    expect(refusal(() => tokenExchange(options)).option).toBe('subjectTokenType')
  })
})
