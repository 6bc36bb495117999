import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import type { TokenResponseError } from '../src/errors.js'
import type { Conform } from '../src/provider.js'
import { mapTokenResponse, parseTokenResponse } from '../src/token-response.js'
import { failure, provider } from './answering.js'

const requestedAt = 1_760_000_000_123
const response = { access_token: 'at', token_type: 'Bearer' }

const parse = async (body: unknown, conform: Conform = {}, requestedScope?: string) => {
  const context = { provider: provider(conform), requestedAt, requestedScope }
  return parseTokenResponse(
    mapTokenResponse(body, context.provider, { endpoint: 'token_endpoint', grantType: 'client_credentials' }),
    context,
  )
}
const parseWith = (members: object, conform?: Conform) => parse({ ...response, ...members }, conform)
const problem = (body: unknown, conform?: Conform) => failure<TokenResponseError>(parse(body, conform))
/** How long the token lives, in milliseconds. */
const lifetime = async (members: object, conform?: Conform) => {
  const { expiresAt } = await parseWith(members, conform)
  return expiresAt === undefined ? undefined : expiresAt - requestedAt
}
const jwt = (claims: object) => `eyJhbGciOiJub25lIn0.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`

test('reads what RFC 6749 §5.1 names, in any order, beside members nobody knows', async () => {
  const tokenSet = await parse({
    scope: 'accounts',
    expires_in: 3600,
    extra: { nested: true },
    refresh_token: 'rt',
    id_token: 'a.b.c',
    refresh_token_expires_in: 86400,
    token_type: 'Bearer',
    access_token: 'at',
  })
  expect({ ...tokenSet, ...{ accessToken: tokenSet.accessToken, refreshToken: tokenSet.refreshToken } }).toEqual({
    accessToken: 'at',
    refreshToken: 'rt',
    tokenType: 'Bearer',
    obtainedAt: requestedAt,
    expiresAt: requestedAt + 3_600_000,
    refreshTokenExpiresAt: requestedAt + 86_400_000,
    scope: 'accounts',
    missingScope: [],
  })
  expect(tokenSet.idToken).toBe('a.b.c')
})

describe('expires_in', () => {
  const lifetimes: readonly [expiresIn: unknown, ms: number | undefined][] = [
    [3600, 3_600_000],
    [1, 1_000],
    ['3600', 3_600_000],
    [' 3600 ', 3_600_000],
    ['3600.0', 3_600_000],
    [7199.5, 7_199_500],
    [0.0015, 2],
    [315_360_000, 315_360_000_000],
    [0, 0],
    ['0', 0],
    [-1, 0],
    ['-3600', 0],
    [315_360_001, undefined],
    [999_999_999, undefined],
    [Number('9223372036854775'), undefined],
    ['9223372036854775807', undefined],
    [Number.POSITIVE_INFINITY, undefined],
    ['Infinity', undefined],
    ['NaN', undefined],
    ['soon', undefined],
    ['3600s', undefined],
    ['', undefined],
    [' ', undefined],
    [true, undefined],
    [null, undefined],
    [[3600], undefined],
    [{ seconds: 3600 }, undefined],
    [undefined, undefined],
  ]
  for (const [value, ms] of lifetimes)
    test(`of ${JSON.stringify(value) ?? 'nothing'} ${ms === undefined ? 'is unknown' : `is ${ms} ms`}`, async () => {
      expect(await lifetime({ expires_in: value })).toBe(ms)
    })

  test('of 0 or less means what the provider says: that it is over, or that it never ends', async () => {
    for (const expires_in of [0, '0', -1]) {
      expect(await lifetime({ expires_in }, { zeroExpiresIn: 'now' })).toBe(0)
      expect(await lifetime({ expires_in }, { zeroExpiresIn: 'never' })).toBe(315_360_000_000)
    }
    expect(await lifetime({}, { zeroExpiresIn: 'never' })).toBeUndefined()
    expect(await lifetime({ expires_in: 60 }, { zeroExpiresIn: 'never' })).toBe(60_000)
  })

  test('beyond what a double can hold, as it stands on the wire, is unknown', async () => {
    const body = JSON.parse('{"access_token":"at","token_type":"Bearer","expires_in":9223372036854775807}')
    expect((await parse(body)).expiresAt).toBeUndefined()
  })

  test('counts from before the request', async () => {
    expect((await parseWith({ expires_in: 60 })).expiresAt).toBe(requestedAt + 60_000)
  })
})

describe('an instant in epoch seconds', () => {
  const at = (seconds: number) => Math.floor(requestedAt / 1000) + seconds

  test('stands in for a lifetime, in whole milliseconds', async () => {
    expect((await parseWith({ expires_at: at(3600) })).expiresAt).toBe(1_760_003_600_000)
    expect((await parseWith({ expires_at: String(at(3600)) })).expiresAt).toBe(1_760_003_600_000)
  })

  test('is a second opinion, of which the earlier one counts', async () => {
    expect((await parseWith({ expires_in: 3600, expires_at: at(600) })).expiresAt).toBe(1_760_000_600_000)
    expect(await lifetime({ expires_in: 600, expires_at: at(3600) })).toBe(600_000)
  })

  test('that has passed says nothing, since the clocks may differ', async () => {
    expect(await lifetime({ expires_in: 3600, expires_at: at(-30) })).toBe(3_600_000)
    expect(await lifetime({ expires_at: at(-30) })).toBeUndefined()
  })
})

describe('a lifetime in other units', () => {
  test('is in milliseconds where the provider declares them', async () => {
    const mapTokenResponse: Conform['mapTokenResponse'] = body => {
      const { expires_in, ...rest } = body as { expires_in: number }
      return { ...rest, expires_in: expires_in / 1000 }
    }
    expect(await lifetime({ expires_in: 3_600_000 }, { mapTokenResponse })).toBe(3_600_000)
  })

  test('is an instant in epoch milliseconds where the provider declares that', async () => {
    const mapTokenResponse: Conform['mapTokenResponse'] = body => {
      const { expires_in, ...rest } = body as { expires_in: number }
      return { ...rest, expires_at: expires_in / 1000 }
    }
    expect(await lifetime({ expires_in: requestedAt + 3_600_000 }, { mapTokenResponse })).toBe(3_600_000)
  })

  test('is not guessed: an instant in expires_in is out of bounds', async () => {
    expect(await lifetime({ expires_in: 1_760_003_600 })).toBeUndefined()
    expect(await lifetime({ expires_in: 1_760_003_600_000 })).toBeUndefined()
  })
})

describe('without expires_in', () => {
  const now = Math.floor(requestedAt / 1000)
  const fromJwt = (claims: object) => lifetime({ access_token: jwt(claims) })

  test('a JWT lives from iat to exp, whatever the two clocks say', async () => {
    for (const skew of [-7200, -30, 0, 30, 7200])
      expect(await fromJwt({ iat: now + skew, exp: now + skew + 900 })).toBe(900_000)
  })

  test('a JWT without iat lives until exp', async () => {
    expect(await fromJwt({ exp: now + 900 })).toBe(899_877)
  })

  const unknown: Readonly<Record<string, object>> = {
    'without exp': { iat: now },
    'that ends before it begins': { iat: now, exp: now - 1 },
    'that has expired and has no iat': { exp: now - 1 },
    'that lives beyond ten years': { iat: now, exp: now + 1e10 },
    'whose exp is no number': { iat: now, exp: 'tomorrow' },
    'whose iat is no number': { iat: {}, exp: now + 900 },
  }
  for (const [name, claims] of Object.entries(unknown))
    test(`the lifetime of a JWT ${name} is unknown`, async () => {
      expect(await fromJwt(claims)).toBeUndefined()
    })

  for (const opaque of ['at', 'a.b.c', 'a.b', 'a.b.c.d.e', '..'])
    test(`the lifetime of ${opaque} is unknown`, async () => {
      expect(await lifetime({ access_token: opaque })).toBeUndefined()
    })

  test('is second to expires_in', async () => {
    expect(await lifetime({ expires_in: 60, access_token: jwt({ iat: now, exp: now + 900 }) })).toBe(60_000)
  })

  test('stands in for an expires_in that is no lifetime', async () => {
    expect(await lifetime({ expires_in: -1, access_token: jwt({ iat: now, exp: now + 900 }) })).toBe(900_000)
  })
})

describe('the lifetime of a refresh token', () => {
  for (const name of ['refresh_token_expires_in', 'refresh_expires_in'])
    test(`is read from ${name}`, async () => {
      const { refreshTokenExpiresAt } = await parseWith({ refresh_token: 'rt', [name]: '1800' })
      expect(refreshTokenExpiresAt).toBe(requestedAt + 1_800_000)
    })

  test('is unknown when it is zero, negative or absent', async () => {
    for (const value of [0, -1, undefined, 'never'])
      expect((await parseWith({ refresh_token_expires_in: value })).refreshTokenExpiresAt).toBeUndefined()
  })
})

describe('token_type', () => {
  for (const tokenType of ['Bearer', 'bearer', 'BEARER'])
    test(`${tokenType} is Bearer`, async () => {
      expect((await parse({ ...response, token_type: tokenType })).tokenType).toBe('Bearer')
    })

  for (const tokenType of ['DPoP', 'mac', 'N_A', 'Bearer ', '', 1, ['Bearer'], {}])
    test(`${JSON.stringify(tokenType)} is not taken for Bearer, not even by a provider with a default`, async () => {
      const error = await problem({ ...response, token_type: tokenType }, { defaultTokenType: 'Bearer' })
      expect(error.message).toMatch(/^token_type is (another|N_A|a|an)\b.*; only Bearer tokens can be used$/)
    })

  for (const tokenType of [undefined, null]) {
    test(`${tokenType} is refused where the provider has no default`, async () => {
      expect((await problem({ ...response, token_type: tokenType })).message).toContain('token_type is missing')
    })

    test(`${tokenType} is the provider's default where it has one`, async () => {
      const tokenSet = await parse({ ...response, token_type: tokenType }, { defaultTokenType: 'Bearer' })
      expect(tokenSet.tokenType).toBe('Bearer')
    })
  }
})

describe('a body of another shape', () => {
  for (const body of [null, [], [response], 'text', 42, true])
    test(`is refused: ${JSON.stringify(body)}`, async () => {
      expect(await problem(body)).toMatchObject({
        code: 'ERR_TOKEN_RESPONSE',
        provider: 'example',
        message: expect.stringContaining('expected a JSON object, got '),
      })
    })

  test('is refused when it has no access token', async () => {
    for (const body of [{}, { accessToken: 'at', token_type: 'Bearer' }, { ...response, access_token: null }])
      expect((await problem(body)).message).toBe('access_token is missing')
    expect((await problem({ ...response, access_token: '' })).message).toBe('access_token is missing')
  })

  const camelCase: Conform = {
    mapTokenResponse: body => {
      const { accessToken, tokenType, validity } = (body as { data: Record<string, unknown> }).data
      return { access_token: accessToken, token_type: tokenType, expires_in: validity }
    },
  }

  test("is read by the provider's own table, camelCase and nested", async () => {
    const tokenSet = await parse({ data: { accessToken: 'at', tokenType: 'Bearer', validity: 60 } }, camelCase)
    expect(tokenSet).toMatchObject({ accessToken: 'at', expiresAt: requestedAt + 60_000 })
  })

  test('that the table cannot read is refused, without a word of it', async () => {
    const error = await problem({ date: { accessToken: 'marker' } }, camelCase)
    expect(error).toMatchObject({ code: 'ERR_TOKEN_RESPONSE', message: 'expected what mapTokenResponse() can read' })
    expect(inspect(error, { showHidden: true })).not.toContain('marker')
  })
})

describe('a token with other characters than a token may have', () => {
  for (const name of ['access_token', 'refresh_token', 'id_token'])
    for (const value of [
      'marker\r\nx-admin: 1',
      'marker\n',
      '\rmarker',
      'marker\0',
      'mark\u00e9r',
      'marker\u2028',
      'mar\tker',
    ])
      test(`is refused as ${name}: ${JSON.stringify(value)}`, async () => {
        const error = await problem({ ...response, [name]: value })
        expect(error.message).toBe(`${name} is a string with characters that no token may have, such as a line break`)
      })

  for (const [value, kind] of [
    [42, 'a number'],
    [false, 'a boolean'],
    [['at'], 'an array'],
    [{ token: 'at' }, 'an object'],
  ])
    test(`is refused by the kind of its value when it is no string: ${JSON.stringify(value)}`, async () => {
      for (const name of ['access_token', 'refresh_token', 'id_token'])
        expect((await problem({ ...response, [name]: value })).message).toBe(`${name} is ${kind}; expected a string`)
    })

  for (const value of ['a b', ' at', 'at ', ' '])
    test(`is refused as an access token: ${JSON.stringify(value)}`, async () => {
      expect((await problem({ ...response, access_token: value })).message).toContain('access_token is a string with')
    })

  test('is not what large vendors hand out', async () => {
    const every = String.fromCharCode(...Array.from({ length: 94 }, (_, index) => index + 0x21))
    for (const accessToken of [
      '00D5e000000abc!AQcAQ.x_y',
      'v^1.1#i^1#p^3#r^1#f^0',
      'Atza|IwEBIA',
      'a,b',
      'a:b=c',
      every,
    ])
      expect((await parse({ ...response, access_token: accessToken })).accessToken).toBe(accessToken)
    expect((await parseWith({ refresh_token: 'visible "and" blanks' })).refreshToken).toBe('visible "and" blanks')
  })

  test('is not the empty one: no refresh token was given', async () => {
    for (const value of ['', null]) expect((await parseWith({ refresh_token: value })).refreshToken).toBeUndefined()
  })
})

describe('scope', () => {
  const scopes = async (scope: unknown, requested?: string) => {
    const tokenSet = await parse({ ...response, scope }, {}, requested)
    return [tokenSet.scope, tokenSet.missingScope]
  }

  test('may have runs of blanks', async () => {
    expect(await scopes(' accounts  payments \t openid ')).toEqual(['accounts payments openid', []])
  })

  test('may be a list', async () => {
    expect(await scopes(['accounts', 'payments'], 'payments accounts')).toEqual(['accounts payments', []])
  })

  test('may be separated by commas', async () => {
    expect(await scopes('repo,gist', 'gist repo')).toEqual(['repo gist', []])
    expect(await scopes('repo, gist')).toEqual(['repo gist', []])
    expect(await scopes(['repo,gist'], 'repo user')).toEqual(['repo gist', ['user']])
  })

  test('may be asked for with commas, and hold one', async () => {
    expect(await scopes('read,write', 'read,write')).toEqual(['read,write', []])
    expect(await scopes('write read', 'read,write')).toEqual(['write read', []])
    expect(await scopes('read', 'read,write')).toEqual(['read', ['read,write']])
    expect(await scopes('https://api.example/a,b c', 'https://api.example/a,b c')).toEqual([
      'https://api.example/a,b c',
      [],
    ])
  })

  test('that is narrower than asked is reported', async () => {
    expect(await scopes('accounts', 'accounts payments openid')).toEqual(['accounts', ['payments', 'openid']])
  })

  test('that is wider than asked is recorded as granted', async () => {
    expect(await scopes('accounts payments', 'accounts')).toEqual(['accounts payments', []])
  })

  for (const scope of [undefined, null, '', '  ', [], 42])
    test(`of ${JSON.stringify(scope) ?? 'nothing'} is the one asked for (RFC 6749 §5.1)`, async () => {
      expect(await scopes(scope, 'accounts')).toEqual(['accounts', []])
      expect(await scopes(scope)).toEqual([undefined, []])
    })
})

test('takes the texts of a list of scopes, and nothing else in it', async () => {
  const endless = JSON.parse('['.repeat(5_000) + ']'.repeat(5_000))
  expect((await parseWith({ scope: ['accounts', { toString: 1 }, endless, 7, 'payments'] })).scope).toBe(
    'accounts payments',
  )
})

test('refuses a scope that nobody could read in time', async () => {
  for (const scope of ['a '.repeat(500_000), Array(500_000).fill('a')])
    expect(await problem({ ...response, scope })).toMatchObject({
      code: 'ERR_TOKEN_RESPONSE',
      message: 'scope has more than 65536 characters',
    })
})
