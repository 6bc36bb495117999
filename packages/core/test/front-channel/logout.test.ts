import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isGrantKitError } from '../../src/errors.js'
import { checkEndSessionResponse, createEndSessionRequest } from '../../src/front-channel/logout.js'
import { answering, clientOf, provider, refusal } from '../answering.js'

const postLogoutRedirectUri = 'https://app.example.com/bye'

function clientAt(end_session_endpoint: string | undefined = 'https://as.example.com/logout') {
  return clientOf(answering().transport, { provider: provider({}, { end_session_endpoint }) })
}

const queryOf = (url: string) => Object.fromEntries(new URL(url).searchParams)

describe('createEndSessionRequest', () => {
  test('names client, user and place to come back to, with a new state each time', () => {
    const options = { idTokenHint: 'a.b.c', postLogoutRedirectUri, uiLocales: ['de-AT', 'en'] }
    const [one, other] = [createEndSessionRequest(clientAt(), options), createEndSessionRequest(clientAt(), options)]
    expect(queryOf(one.url)).toEqual({
      client_id: 'client-1',
      id_token_hint: 'a.b.c',
      post_logout_redirect_uri: postLogoutRedirectUri,
      state: one.state,
      ui_locales: 'de-AT en',
    })
    expect(one.state).toMatch(/^[\w-]{22}$/)
    expect(other.state).not.toBe(one.state)
  })

  test('has no state when the browser stays there', () => {
    const { url, state } = createEndSessionRequest(clientAt(), { logoutHint: 'alice' })
    expect([queryOf(url), state]).toEqual([{ client_id: 'client-1', logout_hint: 'alice' }, undefined])
  })

  test("keeps the endpoint's own query, which replaces nothing of ours", () => {
    const client = clientAt('https://as.example.com/logout?tenant=7&state=theirs&client_id=theirs&id_token_hint=theirs')
    const { url } = createEndSessionRequest(client, {
      postLogoutRedirectUri,
      state: 'ours',
      parameters: { flow: 'short' },
    })
    expect(new URL(url).searchParams.getAll('state')).toEqual(['ours'])
    expect(queryOf(url)).toEqual({
      tenant: '7',
      flow: 'short',
      client_id: 'client-1',
      post_logout_redirect_uri: postLogoutRedirectUri,
      state: 'ours',
    })
  })

  test.each([
    ['end_session_endpoint', clientOf(answering().transport), {}],
    ['end_session_endpoint', clientAt('http://as.example.com/logout'), {}],
    ['client', undefined, {}],
    ['idTokenHint', clientAt(), { idTokenHint: '' }],
    ['postLogoutRedirectUri', clientAt(), { postLogoutRedirectUri: '/bye' }],
    ['postLogoutRedirectUri', clientAt(), { postLogoutRedirectUri: 'https://app.example/bye\n' }],
    ['state', clientAt(), { state: 'alone' }],
    ['uiLocales', clientAt(), { uiLocales: [7] }],
    ['parameters.state', clientAt(), { parameters: { state: 'theirs' } }],
    ['parameters.id_token_hint', clientAt(), { parameters: { id_token_hint: 'theirs' } }],
    ['parameters.flow', clientAt(), { parameters: { flow: 7 } }],
    ['id_token_hint', clientAt(), { id_token_hint: 'a.b.c' }],
  ])('names %s when it is wrong', (option, client, options) => {
    expect(refusal(() => createEndSessionRequest(client as never, options as never)).option).toBe(option)
  })
})

describe('checkEndSessionResponse', () => {
  const state = 'state-1'

  test.each([
    '/bye?state=state-1',
    `${postLogoutRedirectUri}?state=state-1`,
    new URL(`${postLogoutRedirectUri}?a=b&state=state-1`),
    new URLSearchParams({ state }),
  ])('takes a browser that comes back with the state: %s', answer => {
    expect(() => checkEndSessionResponse({ state }, answer)).not.toThrow()
  })

  test.each([
    ['/bye', 'none'],
    ['/bye?state=', 'another one'],
    ['/bye?state=state-marker', 'another one'],
    ['/bye?state=state-1&state=state-2', '2 of them'],
    ['/bye#state=state-1', 'none'],
  ])('refuses %s', (answer, words) => {
    const check = () => checkEndSessionResponse({ state }, answer)
    expect(check).toThrow(`state: the browser came back with ${words}; expected was the one of the logout request`)
    expect(check).not.toThrow('state-marker')
  })

  test.each([
    ['state', { state: undefined }, '/bye?state=undefined'],
    ['answer', { state }, 'https://['],
  ])('names %s when it is wrong', (option, request, answer) => {
    expect(refusal(() => checkEndSessionResponse(request, answer)).option).toBe(option)
  })

  test('reads any answer, or refuses it', () => {
    const answer = fc.oneof(fc.string({ unit: 'binary' }), fc.webUrl({ withQueryParameters: true }), fc.webPath())
    fc.assert(
      fc.property(answer, answer => {
        try {
          checkEndSessionResponse({ state: 'one that none of these has' }, answer)
          expect.unreachable()
        } catch (error) {
          expect(isGrantKitError(error) ? error.code : Object(error).code).toMatch(/^ERR_(VALIDATION|OPTION)$/)
        }
      }),
    )
  })
})
