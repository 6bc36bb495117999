import { expect, test } from 'vitest'
import { clientCredentials } from '../../src/grants/client-credentials.js'
import { refusal } from '../answering.js'

test('asks for nothing in particular by default, and may be repeated', () => {
  expect(clientCredentials()).toEqual({ grantType: 'client_credentials', parameters: {}, repeatable: true })
})

test('sends a redirect URI where one is given', () => {
  const { parameters } = clientCredentials({ redirectUri: 'https://app.example/cb' })
  expect(parameters.redirect_uri).toBe('https://app.example/cb')
  expect(refusal(() => clientCredentials({ redirectUri: '' })).option).toBe('redirectUri')
})

test('takes one options object', () => {
  for (const wrong of [null, 'scope', []])
    expect(refusal(() => clientCredentials(wrong as object)).option).toBe('clientCredentials()')
})
