/** An API that wants another login (RFC 9470), by the calls that every integration translates to. */
import { expect, test } from 'vitest'
import { clientCredentials, createTokenSource, createUserTokenSources, type TokenSource } from '../src/index.js'
import { type AttachResponse, attach, parseOrigins } from '../src/kit.js'
import { setUp } from './scripted-server.js'

const url = 'https://api.example/payments'
const response: AttachResponse = {
  status: 401,
  wwwAuthenticate: 'Bearer error="insufficient_user_authentication", acr_values="urn:strong", max_age="300"',
  body: async () => '',
}
const replayFor = async (source: TokenSource) => {
  const attached = await attach(source, parseOrigins(['https://api.example']), { method: 'POST', url })
  return attached.replay(response, true)
}

test('a user is to log in as the API wants it, and nothing is renewed', async () => {
  const { client, server } = setUp()
  const user = createUserTokenSources({ client }).for('alice')
  await user.import({ accessToken: 'weak', refreshToken: 'refresh-0' })
  await expect(replayFor(user)).rejects.toMatchObject({
    code: 'ERR_LOGIN_REQUIRED',
    subject: 'alice',
    reason: 'insufficient_user_authentication',
    acrValues: ['urn:strong'],
    maxAgeSeconds: 300,
  })
  expect(server.requests).toEqual([])
})

test('an application, which cannot log in, gets the answer as it is', async () => {
  const { client, server } = setUp()
  const application = createTokenSource({ client, grant: clientCredentials() })
  expect(await replayFor(application)).toBeUndefined()
  expect(server.requests).toHaveLength(1)
})
