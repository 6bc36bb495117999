import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { type RefreshTokenOptions, refreshToken } from '../../src/grants/refresh-token.js'
import { refusal, sent } from '../answering.js'

test('sends the refresh token, again only where it never left, and shows it to nobody', async () => {
  const grant = refreshToken({ refreshToken: 'rt-marker', scope: 'a' })
  expect(await sent(grant)).toEqual({ refresh_token: 'rt-marker', scope: 'a' })
  expect(grant).toMatchObject({ grantType: 'refresh_token', resend: 'unsent', singleUse: true })
  expect(inspect(grant, { depth: 9 })).not.toContain('rt-marker')
})

test('is another one for another refresh token', () => {
  const [one, other] = ['one', 'other'].map(token => refreshToken({ refreshToken: token }).identity)
  expect(one).not.toEqual(other)
  expect(one).toEqual(refreshToken({ refreshToken: 'one' }).identity)
})

test('refuses to go without one', () => {
  for (const options of [{}, { refreshToken: '' }, { refreshToken: 42 }])
    expect(refusal(() => refreshToken(options as RefreshTokenOptions)).option).toBe('refreshToken')
})
