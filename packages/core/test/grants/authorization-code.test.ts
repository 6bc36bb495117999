import { createHash } from 'node:crypto'
import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { type AuthorizationCodeOptions, authorizationCode, createPkce } from '../../src/grants/authorization-code.js'
import { refusal, sent } from '../answering.js'

const codeVerifier = 'v'.repeat(43)

test('sends code, redirect URI and verifier, once, and shows neither code nor verifier', async () => {
  const grant = authorizationCode({ code: 'c-marker', redirectUri: 'https://app.example/cb', codeVerifier })
  expect(await sent(grant)).toEqual({
    code: 'c-marker',
    redirect_uri: 'https://app.example/cb',
    code_verifier: codeVerifier,
  })
  expect(grant).toMatchObject({ grantType: 'authorization_code', resend: 'never', singleUse: true, unproven: true })
  const shown = inspect(grant, { depth: 9 })
  for (const secret of ['c-marker', codeVerifier]) expect(shown).not.toContain(secret)
})

test('is another one for another code', () => {
  const [one, other] = ['one', 'other'].map(code => authorizationCode({ code }).identity)
  expect(one).not.toEqual(other)
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
