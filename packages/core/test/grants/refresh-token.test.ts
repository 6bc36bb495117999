import { expect, test } from 'vitest'
import { type RefreshTokenOptions, refreshToken } from '../../src/grants/refresh-token.js'
import { refusal } from '../answering.js'

test('sends the refresh token, and is not repeatable', () => {
  expect(refreshToken({ refreshToken: 'rt', scope: 'a' })).toEqual({
    grantType: 'refresh_token',
    parameters: { refresh_token: 'rt', scope: 'a' },
    repeatable: false,
  })
})

test('refuses to go without one', () => {
  for (const options of [{}, { refreshToken: '' }, { refreshToken: 42 }])
    expect(refusal(() => refreshToken(options as RefreshTokenOptions)).option).toBe('refreshToken')
})
