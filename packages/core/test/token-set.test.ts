import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { toBeAwaited } from '../src/options.js'
import { TokenSet, unawaited } from '../src/token-set.js'

describe('a token set that is printed', () => {
  const tokenSet = new TokenSet({
    accessToken: 'marker-at',
    refreshToken: 'marker-rt',
    idToken: 'marker-it',
    obtainedAt: 1,
    expiresAt: 2,
    scope: 'a',
  })

  test('shows a hash instead of each token', () => {
    expect(JSON.parse(JSON.stringify(tokenSet))).toEqual({
      accessToken: expect.stringMatching(/^\[redacted [\w-]{8}\]$/),
      refreshToken: expect.stringMatching(/^\[redacted /),
      idToken: expect.stringMatching(/^\[redacted /),
      tokenType: 'Bearer',
      obtainedAt: 1,
      expiresAt: 2,
      scope: 'a',
      missingScope: [],
    })
  })

  test('shows no token by any usual way', () => {
    const ways = [
      inspect(tokenSet),
      inspect({ deep: { tokenSet } }, { depth: Number.POSITIVE_INFINITY, showHidden: true }),
      inspect(tokenSet, { customInspect: false, showHidden: true }),
      JSON.stringify({ tokenSet }),
      String(tokenSet),
      JSON.stringify({ ...tokenSet }),
      JSON.stringify(structuredClone(tokenSet)),
    ]
    for (const text of ways) expect(text).not.toContain('marker')
  })

  test('prints by inspect what toJSON shows', () => {
    expect(inspect(tokenSet)).toContain("tokenType: 'Bearer'")
    expect(inspect(tokenSet)).toMatch(/accessToken: '\[redacted [\w-]{8}\]'/)
  })

  test('names the key that the tokens are bound to, which is no secret', () => {
    const bound = new TokenSet({ accessToken: 'a', tokenType: 'DPoP', jkt: 'thumbprint', obtainedAt: 1 })
    expect(bound.toJSON()).toMatchObject({ tokenType: 'DPoP', jkt: 'thumbprint' })
    expect(tokenSet.toJSON()).not.toHaveProperty('jkt')
  })

  test('names no token that is not there', () => {
    const { accessToken: _, ...printed } = new TokenSet({ accessToken: 'a', obtainedAt: 1 }).toJSON()
    expect(Object.keys(printed)).not.toContain('refreshToken')
    expect(Object.keys(printed)).not.toContain('idToken')
  })
})

test('a token set has what else was answered, and nothing where there was no more', () => {
  const additional = { instance_url: 'https://one.example' }
  expect(new TokenSet({ accessToken: 'a', obtainedAt: 1, additional }).additional).toBe(additional)
  expect(new TokenSet({ accessToken: 'a', obtainedAt: 1 }).additional).toEqual({})
})

test.each(['accessToken', 'refreshToken', 'expiresAt', 'scope'])(
  'the promise of one says that it has no %s',
  member => {
    const promise = toBeAwaited(Promise.resolve(), 'getTokenSet()', unawaited)
    expect(() => promise[member as keyof typeof promise]).toThrow(
      `getTokenSet(): returns a promise, which has no ${member}; did you forget await?`,
    )
  },
)
