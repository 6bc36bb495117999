import { describe, expect, test } from 'vitest'
import { revokeToken } from '../../src/endpoints/revocation.js'
import type { AuthorizationServerError } from '../../src/errors.js'
import type { Conform } from '../../src/provider.js'
import type { TransportRequest } from '../../src/transport.js'
import { type Answer, answering, clientOf, failure, formOf, provider } from '../answering.js'

const revocation_endpoint = 'https://as.example.com/revoke'

function serving(answers: readonly (Answer | Error)[], conform: Conform = {}) {
  const { transport, requests } = answering(...answers)
  const client = clientOf(transport, { provider: provider(conform, { revocation_endpoint }), clientSecret: 's3cret' })
  return { client, requests }
}

describe('revokeToken', () => {
  test('sends the token and its hint, the client authenticated, and is done at 200 whatever the body', async () => {
    const { client, requests } = serving([{ body: '<html>' }, {}])
    expect(await revokeToken(client, { token: 'rt-1', tokenTypeHint: 'refresh_token' })).toBeUndefined()
    await revokeToken(client, { token: 'at-1' })
    const [first, second] = requests as [TransportRequest, TransportRequest]
    expect(first).toMatchObject({ method: 'POST', url: revocation_endpoint })
    expect(first.headers.authorization).toMatch(/^Basic /)
    expect(formOf(first)).toEqual({ token: 'rt-1', token_type_hint: 'refresh_token' })
    expect(formOf(second)).toEqual({ token: 'at-1' })
  })

  test('is told that the server does not revoke tokens of this type', async () => {
    const { client } = serving([{ status: 400, body: { error: 'unsupported_token_type' } }])
    expect(await failure(revokeToken(client, { token: 'at-1' }))).toMatchObject({
      code: 'ERR_SERVER_REFUSED',
      error: 'unsupported_token_type',
      kind: 'terminal',
      retryable: false,
    })
  })

  test('may be tried again after a 503, when the server says', async () => {
    const { client } = serving([{ status: 503, headers: { 'retry-after': '7' } }])
    const error = await failure<AuthorizationServerError>(revokeToken(client, { token: 'at-1' }))
    expect(error).toMatchObject({ serverStatus: 503, kind: 'transient', retryable: true, retryAfterMs: 7_000 })
  })

  test('shows the token in no error, though the server repeats it', async () => {
    const { client } = serving([{ status: 400, body: { error: 'invalid_request', error_description: 'no rt-marker' } }])
    const { message } = await failure(revokeToken(client, { token: 'rt-marker' }))
    expect(message).toContain('no [redacted]')
  })

  describe('where it would end the consent', () => {
    test('sends nothing unless that is meant', async () => {
      const { client, requests } = serving([], { revocationEndsConsent: true })
      for (const endsConsent of [undefined, false])
        expect(await failure(revokeToken(client, { token: 'rt-1', endsConsent }))).toMatchObject({
          option: 'endsConsent',
          message: expect.stringContaining("ends the user's consent as well; say endsConsent: true"),
        })
      expect(requests).toEqual([])
    })

    test('revokes when that is meant', async () => {
      const { client, requests } = serving([{}], { revocationEndsConsent: true })
      await revokeToken(client, { token: 'rt-1', endsConsent: true })
      expect(formOf(requests[0] as TransportRequest)).toEqual({ token: 'rt-1' })
    })
  })

  test.each([
    ['client', undefined, { token: 'at-1' }],
    ['token', serving([]).client, {}],
    ['token', serving([]).client, { token: 'at-1\n' }],
    ['tokenTypeHint', serving([]).client, { token: 'at-1', tokenTypeHint: '' }],
    ['tokentypehint', serving([]).client, { token: 'at-1', tokentypehint: 'access_token' }],
    ['endsConsent', serving([]).client, { token: 'at-1', endsConsent: 'yes' }],
    ['revokeToken()', serving([]).client, 'at-1'],
    ['revocation_endpoint', clientOf(answering().transport), { token: 'at-1' }],
  ])('names %s when it is wrong, and sends nothing', async (option, client, options) => {
    expect(await failure(revokeToken(client as never, options as never))).toMatchObject({ code: 'ERR_OPTION', option })
  })
})
