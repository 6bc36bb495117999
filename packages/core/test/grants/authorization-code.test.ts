import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { type AuthorizationCodeOptions, authorizationCode, createPkce } from '../../src/grants/authorization-code.js'
import { refusal } from '../answering.js'

const codeVerifier = 'v'.repeat(43)

test('sends code, redirect URI and verifier, and is not repeatable', () => {
  expect(authorizationCode({ code: 'c', redirectUri: 'https://app.example/cb', codeVerifier })).toEqual({
    grantType: 'authorization_code',
    parameters: { code: 'c', redirect_uri: 'https://app.example/cb', code_verifier: codeVerifier },
    repeatable: false,
  })
})

const wrong: readonly [option: string, options: object][] = [
  ['code', {}],
  ['code', { code: '' }],
  ['redirectUri', { code: 'c', redirectUri: '' }],
  ['codeVerifier', { code: 'c', codeVerifier: 'v'.repeat(42) }],
  ['codeVerifier', { code: 'c', codeVerifier: 'v'.repeat(129) }],
  ['codeVerifier', { code: 'c', codeVerifier: `${'v'.repeat(43)}\n` }],
  ['codeVerifier', { code: 'c', codeVerifier: `${'v'.repeat(43)}+` }],
  ['redirectURI', { code: 'c', redirectURI: 'https://app.example/cb' }],
]
for (const [option, options] of wrong)
  test(`names ${option} when it is wrong in ${JSON.stringify(options).slice(0, 60)}`, () => {
    expect(refusal(() => authorizationCode(options as AuthorizationCodeOptions)).option).toBe(option)
  })

test('a new verifier is random, long enough, and fits its challenge (RFC 7636 §4)', () => {
  const pkce = createPkce()
  expect(pkce.codeVerifier).toMatch(/^[\w-]{43}$/)
  expect(pkce.codeChallenge).toBe(createHash('sha256').update(pkce.codeVerifier).digest('base64url'))
  expect(pkce.codeChallengeMethod).toBe('S256')
  expect(createPkce().codeVerifier).not.toBe(pkce.codeVerifier)
  expect(() => authorizationCode({ code: 'c', codeVerifier: pkce.codeVerifier })).not.toThrow()
})
