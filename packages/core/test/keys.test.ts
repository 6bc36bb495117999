import {
  constants,
  createPublicKey,
  createSign,
  generateKeyPairSync,
  type KeyObject,
  verify,
  webcrypto,
} from 'node:crypto'
import { inspect } from 'node:util'
import { calculateJwkThumbprint, exportJWK, jwtVerify } from 'jose'
import { describe, expect, test } from 'vitest'
import { jwkThumbprint } from '../src/keys.js'
import { type SignerOptions, secretSigner, signer } from '../src/signer.js'

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey
const p521 = generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey
const ed25519 = generateKeyPairSync('ed25519').privateKey
const keys: Record<string, KeyObject> = { RS: rsa, PS: rsa, ES256: p256, ES384: p384, ES512: p521, Ed: ed25519 }
const algorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const
const keyFor = (alg: string) => keys[alg] ?? (keys[alg.slice(0, 2)] as KeyObject)
const pem = (key: KeyObject, type: 'pkcs8' | 'pkcs1' | 'sec1' = 'pkcs8') =>
  key.export({ type, format: 'pem' }).toString()
const encrypted = (key: KeyObject, type: 'pkcs8' | 'pkcs1' | 'sec1') =>
  key.export({ type, format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open sesame' }).toString()

function refusal(make: () => unknown): { option: string; message: string } {
  try {
    make()
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError)
    expect(error).toMatchObject({ code: 'ERR_OPTION' })
    return error as { option: string; message: string } & Error
  }
  throw new Error('nothing was refused')
}

describe('signer', () => {
  for (const alg of algorithms)
    test(`signs ${alg} as jose verifies it`, async () => {
      const key = keyFor(alg)
      const jwt = await signer({ key, alg, kid: 'k1' }).signJwt({ typ: 'JWT', alg: 'none', kid: 'x' }, { sub: 'é' })
      const { payload, protectedHeader } = await jwtVerify(jwt, createPublicKey(key), { algorithms: [alg] })
      expect(protectedHeader).toEqual({ typ: 'JWT', alg, kid: 'k1' })
      expect(payload).toEqual({ sub: 'é' })
    })

  const forms: Record<string, SignerOptions> = {
    'PKCS#8 PEM': { key: pem(rsa), alg: 'PS256' },
    'PKCS#1 PEM': { key: pem(rsa, 'pkcs1'), alg: 'RS256' },
    'SEC1 PEM': { key: pem(p256, 'sec1'), alg: 'ES256' },
    'encrypted PKCS#8': { key: encrypted(p256, 'pkcs8'), alg: 'ES256', passphrase: 'open sesame' },
    'encrypted PKCS#1': { key: encrypted(rsa, 'pkcs1'), alg: 'PS256', passphrase: 'open sesame' },
    'encrypted SEC1': { key: encrypted(p256, 'sec1'), alg: 'ES256', passphrase: 'open sesame' },
    'PEM as bytes': { key: Buffer.from(pem(ed25519)), alg: 'EdDSA' },
    'PEM with text and a certificate before it': {
      key: `Bag Attributes\n-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n${pem(p256)}`,
      alg: 'ES256',
    },
    JWK: { key: rsa.export({ format: 'jwk' }), alg: 'PS512' },
  }
  const publicKeys: Record<string, KeyObject> = { P: rsa, R: rsa, ES: p256, Ed: ed25519 }
  for (const [form, options] of Object.entries(forms))
    test(`takes a key as ${form}`, async () => {
      const jwt = await signer(options).signJwt({}, {})
      const key = publicKeys[options.alg.slice(0, 2)] ?? publicKeys[options.alg.slice(0, 1)]
      await jwtVerify(jwt, createPublicKey(key as KeyObject))
    })

  test('takes the kid of a JWK, and prefers the one given', () => {
    const key = { ...p256.export({ format: 'jwk' }), kid: 'from the JWK', alg: 'ES256', use: 'sig', key_ops: ['sign'] }
    expect(signer({ key, alg: 'ES256' }).kid).toBe('from the JWK')
    expect(signer({ key, alg: 'ES256', kid: 'given' }).kid).toBe('given')
    expect(signer({ key: p256, alg: 'ES256' })).not.toHaveProperty('kid')
  })

  test('takes EdDSA and Ed25519 for one algorithm in a JWK, and sends the name asked for', async () => {
    const key = { ...ed25519.export({ format: 'jwk' }), alg: 'EdDSA' }
    const jwt = await signer({ key, alg: 'Ed25519' }).signJwt({}, {})
    const { protectedHeader } = await jwtVerify(jwt, createPublicKey(ed25519))
    expect(protectedHeader.alg).toBe('Ed25519')
  })

  const cryptoKeys = [
    [
      'RS256',
      { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' },
    ],
    ['PS384', { name: 'RSA-PSS', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-384' }],
    ['ES512', { name: 'ECDSA', namedCurve: 'P-521' }],
    ['EdDSA', { name: 'Ed25519' }],
  ] as const
  for (const [alg, parameters] of cryptoKeys)
    test(`signs ${alg} with a CryptoKey that cannot be exported`, async () => {
      const { privateKey, publicKey } = await cryptoKeyPair(parameters, ['sign', 'verify'])
      await jwtVerify(await signer({ key: privateKey, alg }).signJwt({}, {}), publicKey)
    })

  test('refuses a CryptoKey for another use, hash, algorithm or curve', async () => {
    const rs256 = await cryptoKeyPair(cryptoKeys[0][1], ['sign', 'verify'])
    const ecdh = await cryptoKeyPair({ name: 'ECDH', namedCurve: 'P-256' }, ['deriveBits'])
    const es512 = await cryptoKeyPair(cryptoKeys[2][1], ['sign', 'verify'])
    expect(refusal(() => signer({ key: rs256.publicKey, alg: 'RS256' })).message).toMatch(/private/)
    expect(refusal(() => signer({ key: rs256.privateKey, alg: 'RS512' })).message).toMatch(/SHA-512/)
    expect(refusal(() => signer({ key: rs256.privateKey, alg: 'PS256' })).message).toMatch(/RSA-PSS/)
    expect(refusal(() => signer({ key: ecdh.privateKey, alg: 'ES256' })).message).toMatch(/usage sign/)
    expect(refusal(() => signer({ key: es512.privateKey, alg: 'ES256' })).message).toMatch(/P-256/)
  })

  test('signs PS256 with an rsa-pss key, free or bound to the same parameters', async () => {
    const bound = { modulusLength: 2048, hashAlgorithm: 'sha256', mgf1HashAlgorithm: 'sha256', saltLength: 32 }
    for (const options of [{ modulusLength: 2048 }, bound]) {
      const { privateKey } = rsaPssKeys(options)
      const jwt = await signer({ key: pem(privateKey), alg: 'PS256' }).signJwt({}, {})
      expect(verifiesPs256(jwt, createPublicKey(privateKey))).toBe(true)
    }
  })

  test('refuses an rsa-pss key for RS256, and for parameters it is not bound to', () => {
    const sha384 = { modulusLength: 2048, hashAlgorithm: 'sha384', mgf1HashAlgorithm: 'sha384', saltLength: 48 }
    const longSalt = { ...sha384, hashAlgorithm: 'sha256', mgf1HashAlgorithm: 'sha256' }
    const key = rsaPssKeys(sha384).privateKey
    expect(refusal(() => signer({ key, alg: 'RS384' })).message).toMatch(/rsa-pss/)
    expect(refusal(() => signer({ key, alg: 'PS256' })).message).toMatch(/sha384/)
    const salted = rsaPssKeys(longSalt).privateKey
    expect(refusal(() => signer({ key: salted, alg: 'PS256' })).message).toMatch(/48 bytes/)
  })

  const passphrase = 'open sesame'
  const short = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey
  const jwk = p256.export({ format: 'jwk' })
  const refused: [string, object, string, RegExp][] = [
    ['a missing algorithm', { key: rsa }, 'alg', /no default/],
    ['alg none', { key: rsa, alg: 'none' }, 'alg', /one of/],
    ['an algorithm named as a member every object has', { key: rsa, alg: 'toString' }, 'alg', /one of/],
    ['HS256 with a private key', { key: rsa, alg: 'HS256' }, 'alg', /client_secret_jwt/],
    ['a missing key', { alg: 'PS256' }, 'key', /PEM/],
    ['text that is no PEM', { key: 'hunter2', alg: 'PS256' }, 'key', /PEM/],
    ['damaged PEM', { key: pem(rsa).replace(/\n.{20}/, '\nhunter2'), alg: 'PS256' }, 'key', /cannot be read/],
    ['an encrypted key without passphrase', { key: encrypted(p256, 'pkcs8'), alg: 'ES256' }, 'passphrase', /encrypted/],
    [
      'an encrypted PKCS#1 key without passphrase',
      { key: encrypted(rsa, 'pkcs1'), alg: 'RS256' },
      'passphrase',
      /encry/,
    ],
    ['a wrong passphrase', { key: encrypted(p256, 'sec1'), alg: 'ES256', passphrase: 'x' }, 'passphrase', /decrypt/],
    ['an empty passphrase', { key: encrypted(p256, 'pkcs8'), alg: 'ES256', passphrase: '' }, 'passphrase', /empty/],
    [
      'a public key in PEM',
      { key: createPublicKey(rsa).export({ type: 'spki', format: 'pem' }), alg: 'PS256' },
      'key',
      /public/,
    ],
    ['a public KeyObject', { key: createPublicKey(rsa), alg: 'PS256' }, 'key', /public/],
    ['a public JWK', { key: createPublicKey(rsa).export({ format: 'jwk' }), alg: 'PS256' }, 'key', /public/],
    ['a symmetric JWK', { key: { kty: 'oct', k: 'aHVudGVyMg' }, alg: 'PS256' }, 'key', /symmetric/],
    ['a damaged JWK', { key: { ...jwk, x: 'AA' }, alg: 'ES256' }, 'key', /usable/],
    [
      'a certificate',
      { key: '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----', alg: 'PS256' },
      'key',
      /certificate/,
    ],
    ['an RSA key for ES256', { key: rsa, alg: 'ES256' }, 'key', /type rsa/],
    ['an EC key for PS256', { key: p256, alg: 'PS256' }, 'key', /type ec/],
    ['another curve', { key: p384, alg: 'ES256' }, 'key', /secp384r1/],
    ['RSA below 2048 bits', { key: short, alg: 'PS256' }, 'key', /1024/],
    ['a JWK for another algorithm', { key: { ...jwk, alg: 'ES384' }, alg: 'ES256' }, 'alg', /JWK/],
    ['a JWK for encryption', { key: { ...jwk, use: 'enc' }, alg: 'ES256' }, 'key', /use/],
    ['a JWK whose operations lack sign', { key: { ...jwk, key_ops: ['verify'] }, alg: 'ES256' }, 'key', /key_ops/],
    ['an empty kid', { key: p256, alg: 'ES256', kid: '' }, 'kid', /empty/],
    ['an unknown option', { key: p256, alg: 'ES256', passPhrase: passphrase }, 'passPhrase', /passphrase/],
  ]
  for (const [what, options, option, message] of refused)
    test(`refuses ${what}, naming the option and showing nothing`, () => {
      const error = refusal(() => signer(options as SignerOptions))
      expect(error.option).toBe(option)
      expect(error.message).toMatch(message)
      expect(inspect(error, { depth: Infinity, showHidden: true })).not.toMatch(/hunter2|open sesame|aHVudGVyMg/)
    })

  test('has the same identity for the same key in any form, and another for another key', () => {
    const identities = [rsa, pem(rsa), pem(rsa, 'pkcs1'), rsa.export({ format: 'jwk' })].map(
      key => signer({ key, alg: 'PS256' }).identity,
    )
    expect(new Set(identities).size).toBe(1)
    const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
    expect(signer({ key: other, alg: 'PS256' }).identity).not.toBe(identities[0])
  })

  test('shows nothing of the key', () => {
    const key = p256.export({ format: 'jwk' })
    const shown = inspect(signer({ key, alg: 'ES256' }), { depth: Infinity, showHidden: true })
    expect(shown).not.toContain(key.d)
  })
})

describe('signer with an external signer', () => {
  test('signs through the function and keeps a signature that is r and s', async () => {
    const key = (data: Uint8Array) => createSign('sha384').update(data).sign({ key: p384, dsaEncoding: 'ieee-p1363' })
    await jwtVerify(await signer({ key, alg: 'ES384' }).signJwt({}, {}), createPublicKey(p384))
  })

  for (const [alg, key] of [
    ['ES256', p256],
    ['ES384', p384],
    ['ES512', p521],
  ] as const)
    test(`converts the DER signature a KMS gives for ${alg}, short integers included`, async () => {
      const kms = async (data: Uint8Array) =>
        createSign(`sha${alg.slice(2)}`)
          .update(data)
          .sign(key)
      const made = signer({ key: kms, alg })
      // In 600 signatures r or s begins with a zero byte several times.
      const jwts = await Promise.all(
        Array.from({ length: alg === 'ES256' ? 600 : 20 }, (_, n) => made.signJwt({}, { n })),
      )
      for (const jwt of jwts) await jwtVerify(jwt, createPublicKey(key))
    })

  test('refuses what is no signature of the algorithm', async () => {
    const bytes = signer({ key: () => new Uint8Array(70), alg: 'ES256' })
    const text = signer({ key: (() => 'c2ln') as never, alg: 'PS256' })
    await expect(bytes.signJwt({}, {})).rejects.toMatchObject({ option: 'key' })
    await expect(text.signJwt({}, {})).rejects.toMatchObject({ option: 'key' })
  })

  test('hands on what the function throws, and has an identity of its own', async () => {
    const failing = async () => Promise.reject(new Error('KMS is away'))
    await expect(signer({ key: failing, alg: 'PS256' }).signJwt({}, {})).rejects.toThrow('KMS is away')
    expect(signer({ key: failing, alg: 'PS256' }).identity).toBe(signer({ key: failing, alg: 'PS256' }).identity)
    expect(signer({ key: failing, alg: 'PS256' }).identity).not.toBe(
      signer({ key: async () => failing(), alg: 'PS256' }).identity,
    )
  })
})

test.each([
  ['PS265', 'PS256'],
  ['ps256', 'PS256'],
  ['PS-256', 'PS256'],
  ['eddsa', 'EdDSA'],
])('%s is refused, and %s suggested', (alg, meant) => {
  expect(refusal(() => signer({ key: rsa, alg: alg as never }))).toMatchObject({
    option: 'alg',
    message: expect.stringMatching(`did you mean ${meant}\\?$`),
  })
})

test('the types refuse an algorithm that does not exist', () => {
  // @ts-expect-error: a misspelling of PS256
  expect(() => signer({ key: rsa, alg: 'PS265' })).toThrow(TypeError)
  // @ts-expect-error: not for a private key
  expect(() => signer({ key: rsa, alg: 'HS256' })).toThrow(TypeError)
  // @ts-expect-error: not for a secret
  expect(() => secretSigner('s', 'PS256')).toThrow(TypeError)
})

describe('secretSigner', () => {
  for (const alg of ['HS256', 'HS384', 'HS512'] as const)
    test(`signs ${alg} as jose verifies it`, async () => {
      const secret = 'a client secret that is long enough for HS512, which wants 64 bytes of it'
      const jwt = await secretSigner(secret, alg).signJwt({ typ: 'JWT' }, { sub: 'c' })
      await jwtVerify(jwt, new TextEncoder().encode(secret), { algorithms: [alg] })
    })

  test('refuses an empty secret and every other algorithm', () => {
    expect(refusal(() => secretSigner('', 'HS256')).option).toBe('clientSecret')
    expect(refusal(() => secretSigner('s', 'RS256' as never)).option).toBe('alg')
    expect(refusal(() => secretSigner('s', undefined as never)).option).toBe('alg')
  })
})

describe('jwkThumbprint', () => {
  for (const [name, key] of Object.entries({ RSA: rsa, EC: p521, OKP: ed25519 }))
    test(`equals jose's for an ${name} key, from its private or public half`, async () => {
      const expected = await calculateJwkThumbprint(await exportJWK(createPublicKey(key)))
      expect(jwkThumbprint(key, 'sha256')).toBe(expected)
      expect(jwkThumbprint(pem(key), 'sha256')).toBe(expected)
      expect(jwkThumbprint(createPublicKey(key), 'sha256')).toBe(expected)
      expect(jwkThumbprint(createPublicKey(key).export({ type: 'spki', format: 'pem' }), 'sha256')).toBe(expected)
      expect(jwkThumbprint(key.export({ format: 'jwk' }), 'sha256')).toBe(expected)
    })

  test('gives the example of RFC 7638 §3.1', () => {
    const n =
      '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs' +
      'tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n' +
      '91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw'
    expect(jwkThumbprint({ kty: 'RSA', n, e: 'AQAB', alg: 'RS256', kid: '2011-04-29' }, 'sha256')).toBe(
      'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs',
    )
  })

  test('has 27 characters with SHA-1', () => {
    expect(jwkThumbprint(rsa, 'sha1')).toMatch(/^[\w-]{27}$/)
  })

  test('takes a CryptoKey, refuses what is no asymmetric key', async () => {
    const { publicKey } = await cryptoKeyPair({ name: 'ECDSA', namedCurve: 'P-256' }, ['sign', 'verify'])
    expect(jwkThumbprint(publicKey, 'sha256')).toHaveLength(43)
    expect(refusal(() => jwkThumbprint('hunter2', 'sha256')).message).not.toContain('hunter2')
    expect(refusal(() => jwkThumbprint({ kty: 'oct', k: 'aa' }, 'sha256')).option).toBe('key')
  })
})

async function cryptoKeyPair(parameters: object, usages: string[]): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(parameters as never, false, usages as never)) as never
}

/** jose takes no rsa-pss key. */
function verifiesPs256(jwt: string, key: KeyObject): boolean {
  const [header, claims, signature] = jwt.split('.')
  const options = { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }
  return verify('sha256', Buffer.from(`${header}.${claims}`), options, Buffer.from(String(signature), 'base64url'))
}

/** The types know older names of the parameters alone. */
function rsaPssKeys(options: object): { privateKey: KeyObject } {
  return (generateKeyPairSync as (type: string, options: object) => { privateKey: KeyObject })('rsa-pss', options)
}
