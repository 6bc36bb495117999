import { expect, test } from 'vitest'
import { clientCredentials } from '../../src/grants/client-credentials.js'
import { refusal, sent } from '../answering.js'

test('asks for nothing in particular by default, may be sent again, and brings no session', async () => {
  const grant = clientCredentials()
  expect(await sent(grant)).toEqual({})
  expect(grant).toMatchObject({ grantType: 'client_credentials', resend: 'always', withoutRefreshToken: true })
})

test('sends a redirect URI where one is given', async () => {
  const { redirect_uri } = await sent(clientCredentials({ redirectUri: 'https://app.example/cb' }))
  expect(redirect_uri).toBe('https://app.example/cb')
  expect(refusal(() => clientCredentials({ redirectUri: '' })).option).toBe('redirectUri')
})

test('takes one options object', () => {
  for (const wrong of [null, 'scope', []])
    expect(refusal(() => clientCredentials(wrong as object)).option).toBe('clientCredentials()')
})
