import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type AccessTokenType, checkConfirmation, type Presented, readTokenType } from '../src/binding.js'
import { provider } from './answering.js'

const server = provider()
const encoded = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url')
const jwt = (claims: unknown) => `${encoded({ alg: 'ES256' })}.${encoded(claims)}.c2ln`
const bound = (cnf: unknown) => jwt({ sub: 'a', cnf })

describe('token_type', () => {
  const read: readonly [tokenType: unknown, presented: Presented, type: AccessTokenType][] = [
    ['Bearer', {}, 'Bearer'],
    ['bearer', { refusesBearer: true }, 'Bearer'],
    ['DPoP', { jkt: 'k' }, 'DPoP'],
    ['dpop', { jkt: 'k', refusesBearer: true }, 'DPoP'],
    // RFC 9449 §5: a server that knows nothing of it
    ['Bearer', { jkt: 'k' }, 'Bearer'],
  ]
  for (const [tokenType, presented, type] of read)
    test(`${tokenType} given ${JSON.stringify(presented)} is ${type}`, () => {
      expect(readTokenType(tokenType, presented, server)).toBe(type)
    })

  test('Bearer is no answer to a proof of a server that knows DPoP', () => {
    expect(() => readTokenType('Bearer', { jkt: 'k', refusesBearer: true }, server)).toThrow(
      expect.objectContaining({ code: 'ERR_VALIDATION', check: 'token_type', provider: 'example' }),
    )
  })

  const wrong: readonly [tokenType: unknown, presented: Presented, message: string][] = [
    [
      'DPoP',
      {},
      'token_type is another, DPoP, which needs a key (createClient({ dpop: dpopKey() })); only Bearer tokens can be used',
    ],
    ['mac', {}, 'token_type is another; only Bearer tokens can be used'],
    [
      'N_A',
      {},
      'token_type is N_A: what was issued is no access token, and no request can carry it; only Bearer tokens can be used',
    ],
    ['mac', { jkt: 'k' }, 'token_type is another; only DPoP and Bearer tokens can be used'],
    [undefined, { jkt: 'k' }, 'token_type is missing; only DPoP and Bearer tokens can be used'],
    [42, {}, 'token_type is a number; only Bearer tokens can be used'],
    ['', {}, 'token_type is an empty string; only Bearer tokens can be used'],
  ]
  for (const [tokenType, presented, message] of wrong)
    test(`${JSON.stringify(tokenType)} given ${JSON.stringify(presented)} is refused`, () => {
      expect(() => readTokenType(tokenType, presented, server)).toThrow(
        expect.objectContaining({ code: 'ERR_TOKEN_RESPONSE', message }),
      )
    })
})

describe('cnf', () => {
  const x5t = (thumbprint: unknown) => ({ 'x5t#S256': thumbprint })
  const both = { jkt: true, certificate: true }
  const holds: readonly [name: string, token: string, type: AccessTokenType, presented: Presented][] = [
    ['our key', bound({ jkt: 'k' }), 'DPoP', { jkt: 'k' }],
    ['our certificate', bound(x5t('a-_b')), 'Bearer', { certificates: ['a-_b'] }],
    ['our certificate, in the other base64', bound(x5t('a+/b=')), 'Bearer', { certificates: ['a-_b'] }],
    ['the certificate from before it was replaced', bound(x5t('old')), 'Bearer', { certificates: ['old', 'new'] }],
    ['a certificate, where the transport has it', bound(x5t('a')), 'Bearer', {}],
    ['key and certificate, both ours', bound({ jkt: 'k', ...x5t('a') }), 'DPoP', { jkt: 'k', certificates: ['a'] }],
    ['a key alone, where both are registered', bound({ jkt: 'k' }), 'DPoP', { jkt: 'k', registered: both }],
    ['nothing', jwt({}), 'Bearer', { certificates: ['a'] }],
    ['nothing, in a DPoP token', jwt({}), 'DPoP', { jkt: 'k' }],
    ['what nobody can read', 'opaque', 'DPoP', { jkt: 'k', registered: both }],
    ['what is encrypted', 'a.b.c.d.e', 'Bearer', { certificates: ['a'], registered: both }],
    ['no JSON', 'aaaa.bbbb.cccc', 'Bearer', { certificates: ['a'], registered: both }],
  ]
  for (const [name, token, type, presented] of holds)
    test(`that names ${name} holds`, () => {
      expect(() => checkConfirmation(token, type, presented, server)).not.toThrow()
    })

  const fails: readonly [name: string, token: string, type: AccessTokenType, presented: Presented, message: string][] =
    [
      ['another key', bound({ jkt: 'other' }), 'DPoP', { jkt: 'k' }, 'is bound to another DPoP key (jkt)'],
      ['a key that is no text', bound({ jkt: 42 }), 'DPoP', { jkt: 'k' }, 'is bound to another DPoP key (jkt)'],
      [
        'a key, and we have none',
        bound({ jkt: 'k' }),
        'Bearer',
        {},
        'is bound to a DPoP key (jkt); this client has none',
      ],
      ['a key in a Bearer token', bound({ jkt: 'k' }), 'Bearer', { jkt: 'k' }, 'its type is Bearer'],
      ['another certificate', bound(x5t('b')), 'Bearer', { certificates: ['a'] }, 'is bound to another certificate'],
      [
        'a certificate in a list',
        bound(x5t(['a'])),
        'Bearer',
        { certificates: ['a'] },
        'is bound to another certificate',
      ],
      [
        'another certificate beside our key',
        bound({ jkt: 'k', ...x5t('b') }),
        'DPoP',
        { jkt: 'k', certificates: ['a'] },
        'is bound to another certificate',
      ],
      ['no key, as registered', jwt({}), 'DPoP', { jkt: 'k', registered: both }, 'names no DPoP key'],
      ['no certificate, as registered', jwt({ cnf: 'x' }), 'Bearer', { registered: both }, 'names no certificate'],
    ]
  for (const [name, token, type, presented, message] of fails)
    test(`that names ${name} does not hold`, () => {
      const check = () => checkConfirmation(token, type, presented, server)
      expect(check).toThrow(expect.objectContaining({ code: 'ERR_VALIDATION', check: 'cnf', provider: 'example' }))
      expect(check).toThrow(message)
      expect(check).not.toThrow(token)
    })

  test('of a megabyte of padding is refused, without minutes in a regular expression', () => {
    const token = bound(x5t(`${'='.repeat(700_000)}x`))
    expect(() => checkConfirmation(token, 'Bearer', { certificates: ['a'] }, server)).toThrow('another certificate')
  })

  test('of any token holds or is refused, and nothing else happens', () => {
    const token = fc.oneof(
      fc.string(),
      fc.json().map(claims => `a.${Buffer.from(claims).toString('base64url')}.b`),
    )
    fc.assert(
      fc.property(token, token => {
        try {
          checkConfirmation(token, 'Bearer', { certificates: ['a'] }, server)
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_VALIDATION', check: 'cnf' })
        }
      }),
    )
  })
})
