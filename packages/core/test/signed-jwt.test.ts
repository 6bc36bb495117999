import { createHash, createHmac, generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ClientMetadata, clientSecretPost, type DecryptionKey, none, privateKeyJwt } from '../src/index.js'
import type { ExpectedJwt } from '../src/jwt-reading.js'
import { readSignedJwt } from '../src/signed-jwt.js'
import { claims, encrypt, forged, issuer, keyFor, openIdServer, type ServerKeyPair, sign } from './openid-server.js'

const secret = 'a secret that is long enough for a MAC'
const rsa = keyFor('RS256')
const what = { what: 'ID token', kind: 'id_token' } as const

interface Circumstances {
  readonly metadata?: ClientMetadata
  readonly decryptionKeys?: readonly DecryptionKey[]
  readonly keys?: readonly ServerKeyPair[]
  readonly expected?: Partial<ExpectedJwt>
}

async function read(jwt: unknown, { metadata, decryptionKeys, keys = [rsa], expected }: Circumstances = {}) {
  const client = openIdServer(...keys).client({ metadata, decryptionKeys })
  return readSignedJwt(client, (await jwt) as string, { ...what, ...expected })
}

const refusal = (...asked: Parameters<typeof read>) =>
  read(...asked).then(
    () => 'holds',
    ({ code, check, message }) => (code === 'ERR_VALIDATION' ? check : message),
  )

describe('readSignedJwt', () => {
  test('reads header and claims', async () => {
    const { header, claims: said } = await read(sign(rsa, claims()))
    expect(header).toEqual({ alg: 'RS256', kid: rsa.kid })
    expect(said).toEqual(claims())
  })

  for (const alg of [
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
  ])
    test(`takes ${alg} where it was registered, and no other signature by it`, async () => {
      const circumstances = { metadata: { id_token_signed_response_alg: alg }, keys: [keyFor(alg)] }
      const key = circumstances.keys[0] as ServerKeyPair
      const jwt = await sign(key, claims())
      expect(await refusal(jwt, circumstances)).toBe('holds')
      const [header, payload, signature] = jwt.split('.') as [string, string, string]
      const other = Buffer.from(JSON.stringify(claims({ sub: 'mallory' }))).toString('base64url')
      expect(await refusal([header, other, signature].join('.'), circumstances)).toBe('signature')
      expect(await refusal([header, payload, ''].join('.'), circumstances)).toBe('signature')
      expect(await refusal([header, payload, signature.slice(0, -4)].join('.'), circumstances)).toBe('signature')
      expect(await refusal([header, payload, `${signature}AAAA`].join('.'), circumstances)).toBe('signature')
    })

  for (const alg of ['HS256', 'HS384', 'HS512'])
    test(`takes ${alg} by the client secret where it was registered`, async () => {
      const metadata = { id_token_signed_response_alg: alg }
      const input = forged({ alg }, claims()).slice(0, -1)
      const mac = (key: string) =>
        createHmac(`sha${alg.slice(2)}`, key)
          .update(input)
          .digest('base64url')
      expect(await refusal(`${input}.${mac(secret)}`, { metadata })).toBe('holds')
      expect(await refusal(`${input}.${mac('another')}`, { metadata })).toBe('signature')
      expect(await refusal(`${input}.`, { metadata })).toBe('signature')
    })

  test('refuses a MAC by the public key of the server (RFC 8725 §2.1)', async () => {
    const input = forged({ alg: 'HS256', kid: rsa.kid }, claims()).slice(0, -1)
    for (const key of [JSON.stringify(rsa.jwk), String(rsa.jwk.n)])
      expect(await refusal(`${input}.${createHmac('sha256', key).update(input).digest('base64url')}`)).toBe('alg')
  })

  const elliptic = keyFor('ES256')
  const algorithms: readonly [string, () => unknown, string, Circumstances?][] = [
    ['none', () => forged({ alg: 'none' }, claims()), 'alg'],
    ['none in other letters', () => forged({ alg: 'NoNe' }, claims()), 'alg'],
    ['none, though nothing else was registered', () => forged({ alg: 'none' }, claims()), 'alg', { metadata: {} }],
    ['no alg', () => forged({}, claims(), 'AAAA'), 'alg'],
    ['an alg that is a number', () => forged({ alg: 256 }, claims(), 'AAAA'), 'alg'],
    ['an alg that every object has', () => forged({ alg: 'constructor' }, claims(), 'AAAA'), 'alg'],
    ['RS256 in other letters', () => forged({ alg: 'rs256' }, claims(), 'AAAA'), 'alg'],
    ['ES256 where nothing was registered', () => sign(elliptic, claims()), 'alg', { keys: [elliptic] }],
    [
      'RS256 where PS256 was registered',
      () => sign(rsa, claims()),
      'alg',
      { metadata: { id_token_signed_response_alg: 'PS256' } },
    ],
  ]
  for (const [name, jwt, check, circumstances] of algorithms)
    test(`refuses ${name}`, async () => {
      expect(await refusal(jwt(), circumstances)).toBe(check)
    })

  test('goes by what the server lists where nothing was registered and RS256 is not in it', async () => {
    const withList = (...list: unknown[]) => {
      const server = openIdServer(rsa, elliptic)
      const { provider } = server.client()
      const metadata = { ...provider.metadata, id_token_signing_alg_values_supported: list as string[] }
      return server.client({ provider: { ...provider, metadata } })
    }
    const outcome = (client: ReturnType<typeof withList>, jwt: string) =>
      readSignedJwt(client, jwt, what).then(
        () => 'holds',
        ({ check }) => check,
      )
    const [byRsa, byCurve] = [await sign(rsa, claims()), await sign(elliptic, claims())]
    expect(await outcome(withList('ES256', 'PS256'), byCurve)).toBe('holds')
    expect(await outcome(withList('ES256', 'PS256'), byRsa)).toBe('alg')
    expect(await outcome(withList('ES256', 'RS256'), byCurve)).toBe('alg')
    for (const list of [[], ['none'], ['HS256'], [7], ['unheard of']])
      expect(await outcome(withList(...list), byRsa)).toBe('holds')
  })

  const headers: readonly [string, Readonly<Record<string, unknown>>, string][] = [
    ['an unknown critical member', { crit: ['exp'], exp: 1 }, 'crit'],
    ['an empty list of critical members', { crit: [] }, 'crit'],
    ['critical members that are no list', { crit: 'exp' }, 'crit'],
    ['critical members that are no text', { crit: { toString: 1 } }, 'crit'],
    ['a payload that is not encoded', { crit: ['b64'], b64: false }, 'crit'],
    ['a payload that is not encoded, silently', { b64: false }, 'crit'],
    ['a kid that is a number', { kid: 7 }, 'kid'],
    ['a kid that is null', { kid: null }, 'kid'],
    ['an access token', { typ: 'at+jwt' }, 'typ'],
    ['a logout token', { typ: 'application/LOGOUT+JWT' }, 'typ'],
  ]
  for (const [name, header, check] of headers)
    test(`refuses ${name}`, async () => {
      expect(await refusal(forged({ alg: 'RS256', ...header }, claims(), 'AAAA'))).toBe(check)
    })

  test('takes no key from the header', async () => {
    const mallory = keyFor('RS256')
    const header = {
      jwk: mallory.jwk,
      jku: 'https://evil.example/jwks',
      x5u: 'https://evil.example/x5u',
      x5c: ['AAAA'],
    }
    expect(await refusal(sign({ ...mallory, kid: rsa.kid }, claims(), header))).toBe('signature')
  })

  test('takes any typ but that of another kind, and the one that is wanted alone', async () => {
    for (const typ of ['JWT', 'jwt', 'application/jwt', 'id_token', undefined])
      expect(await refusal(sign(rsa, claims(), { typ }))).toBe('holds')
    const expected = { typ: 'token-introspection+jwt' }
    expect(await refusal(sign(rsa, claims(), { typ: 'Token-Introspection+JWT' }), { expected })).toBe('holds')
    expect(await refusal(sign(rsa, claims(), { typ: 'application/token-introspection+jwt' }), { expected })).toBe(
      'holds',
    )
    for (const typ of ['JWT', undefined]) expect(await refusal(sign(rsa, claims(), { typ }), { expected })).toBe('typ')
  })

  const deep = (depth: number): unknown => JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`)
  const noJwts: readonly [string, () => unknown][] = [
    ['nothing', () => undefined],
    ['an object', () => ({})],
    ['an empty text', () => ''],
    ['two parts', () => 'AAAA.AAAA'],
    ['four parts', () => 'AAAA.AAAA.AAAA.AAAA'],
    ['a line break', async () => `${await sign(rsa, claims())}\n`],
    ['padding', async () => `${await sign(rsa, claims())}==`],
    ['letters of plain base64', async () => (await sign(rsa, claims())).replace(/.$/, '+')],
    ['a header that is a list', () => forged([], claims(), 'AAAA')],
    ['a header that is no JSON', () => 'AAAA.AAAA.AAAA'],
    ['claims that are a list', () => sign(rsa, [])],
    ['claims that are null', () => sign(rsa, 'null')],
    ['claims that are no JSON', () => sign(rsa, 'hello')],
    ['claims nested deeper than anybody needs', () => sign(rsa, claims({ deep: deep(32) }))],
    [
      'claims nested so deep that a stack overflows',
      () => sign(rsa, `{"deep":${'['.repeat(50_000)}${']'.repeat(50_000)}}`),
    ],
    ['more characters than any JWT has', () => `${'A'.repeat(262_144)}.A.A`],
  ]
  for (const [name, jwt] of noJwts)
    test(`refuses ${name}`, async () => {
      expect(await refusal(jwt())).toBe('jwt')
    })

  test('takes claims as deep as needed, whatever their names', async () => {
    const odd = JSON.parse('{"__proto__": {"admin": true}, "constructor": 1}')
    const { claims: said } = await read(sign(rsa, { ...claims({ deep: deep(30) }), ...odd }))
    expect(Object.getPrototypeOf(said)).toBe(Object.prototype)
    expect(said.admin).toBeUndefined()
  })
})

describe('an encrypted JWT', () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const decryptionKeys = [{ key: privateKey, kid: 'one' }]
  const alg = 'RSA-OAEP-256'
  const enc = 'A256GCM'
  const metadata = { id_token_encrypted_response_alg: alg, id_token_encrypted_response_enc: enc }
  const nested = async (header: Partial<Parameters<typeof encrypt>[2]> = {}, content?: string) =>
    encrypt(publicKey, content ?? (await sign(rsa, claims())), { alg, enc, kid: 'one', ...header })

  test('is decrypted, then checked', async () => {
    expect(await read(nested(), { metadata, decryptionKeys })).toMatchObject({
      header: { alg: 'RS256' },
      claims: claims(),
    })
    const unsigned = forged({ alg: 'none' }, claims())
    expect(await refusal(nested({}, unsigned), { metadata, decryptionKeys })).toBe('alg')
    expect(await refusal(nested({}, 'no JWT'), { metadata, decryptionKeys })).toBe('jwt')
  })

  test('is taken where no encryption was registered and the client has keys', async () => {
    expect(await refusal(nested(), { decryptionKeys })).toBe('holds')
    expect(await refusal(nested())).toBe('encryption')
  })

  test('has to be encrypted as registered', async () => {
    for (const header of [{ alg: 'RSA-OAEP' }, { enc: 'A128GCM' }])
      expect(await refusal(nested(header), { metadata, decryptionKeys })).toBe('encryption')
    const byDefault = { id_token_encrypted_response_alg: alg }
    expect(await refusal(nested(), { metadata: byDefault, decryptionKeys })).toBe('encryption')
    expect(await refusal(nested({ enc: 'A128CBC-HS256' }), { metadata: byDefault, decryptionKeys })).toBe('holds')
  })

  test('has to be encrypted where that was registered', async () => {
    expect(await refusal(sign(rsa, claims()), { metadata, decryptionKeys })).toBe('encryption')
  })

  test('is never taken by a password', async () => {
    const byPassword = encrypt(Buffer.from(secret), await sign(rsa, claims()), { alg: 'PBES2-HS256+A128KW', enc })
    expect(await refusal(byPassword, { decryptionKeys })).toBe('encryption')
  })

  test('is opened by the key it names, by one without a name, or by any that fits where it names none', async () => {
    const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
    const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    const keys = (...given: [DecryptionKey['key'], string?][]) => given.map(([key, kid]) => ({ key, kid }))
    const outcome = (header: { kid?: string }, decryptionKeys: readonly DecryptionKey[]) =>
      refusal(nested(header), { metadata, decryptionKeys })
    expect(await outcome({ kid: 'one' }, keys([other, 'two'], [privateKey, 'one']))).toBe('holds')
    expect(await outcome({ kid: 'one' }, keys([other, 'two'], [privateKey]))).toBe('holds')
    expect(await outcome({ kid: 'one' }, keys([privateKey, 'two']))).toBe('encryption')
    expect(await outcome({ kid: 'one' }, keys([other, 'one']))).toBe('encryption')
    expect(await outcome({ kid: undefined as never }, keys([curve, 'a'], [other, 'b'], [privateKey, 'c']))).toBe(
      'holds',
    )
    expect(await outcome({ kid: 'one' }, keys([curve]))).toBe('encryption')
  })

  for (const namedCurve of ['P-256', 'P-384', 'P-521', 'x25519'])
    test(`is opened by a key on ${namedCurve}`, async () => {
      const pair = namedCurve === 'x25519' ? generateKeyPairSync('x25519') : generateKeyPairSync('ec', { namedCurve })
      const jwe = encrypt(pair.publicKey, await sign(rsa, claims()), { alg: 'ECDH-ES+A256KW', enc })
      expect(await refusal(jwe, { decryptionKeys: [{ key: pair.privateKey }] })).toBe('holds')
    })

  test('is opened by a CryptoKey', async () => {
    const key = await crypto.subtle.importKey(
      'pkcs8',
      privateKey.export({ type: 'pkcs8', format: 'der' }),
      { name: 'RSA-OAEP', hash: 'SHA-256' },
      false,
      ['decrypt'],
    )
    expect(await refusal(nested(), { decryptionKeys: [{ key, kid: 'one' }] })).toBe('holds')
  })

  test('is opened by the client secret where that was registered', async () => {
    for (const [alg, enc, hash, bytes] of [
      ['dir', 'A128CBC-HS256', 'sha256', 32],
      ['dir', 'A256CBC-HS512', 'sha512', 64],
      ['A128KW', 'A128GCM', 'sha256', 16],
      ['A256GCMKW', 'A256GCM', 'sha256', 32],
    ] as const) {
      const metadata = { id_token_encrypted_response_alg: alg, id_token_encrypted_response_enc: enc }
      const key = createHash(hash).update(secret).digest().subarray(0, bytes)
      expect(await refusal(encrypt(key, await sign(rsa, claims()), { alg, enc }), { metadata })).toBe('holds')
    }
  })

  test('that was compressed is decompressed up to a size', async () => {
    const { read: parts } = { read: await sign(rsa, claims()) }
    expect(await refusal(nested({ zip: 'DEF' }, parts), { metadata, decryptionKeys })).toBe('holds')
    const bomb = 'A'.repeat(10_000_000)
    expect(await refusal(nested({ zip: 'DEF' }, bomb), { metadata, decryptionKeys })).toBe('encryption')
  })

  test('that was changed on the way is refused', async () => {
    const jwe = await nested()
    const parts = jwe.split('.')
    for (const index of [1, 2, 3, 4]) {
      const changed = parts.map((part, at) =>
        at === index ? `${part.startsWith('A') ? 'B' : 'A'}${part.slice(1)}` : part,
      )
      expect(await refusal(changed.join('.'), { metadata, decryptionKeys })).toBe('encryption')
    }
  })
})

describe('whatever a server sends', () => {
  const outcomeAt = (server: ReturnType<typeof openIdServer>, jwt: string) =>
    readSignedJwt(server.client(), jwt, what).then(
      () => 'holds',
      ({ check, message }) => check ?? message,
    )
  const server = openIdServer(rsa)
  const client = server.client({ decryptionKeys: [{ key: rsa.privateKey }] })
  const isRefused = async (jwt: unknown) => {
    const error = await readSignedJwt(client, jwt as string, what).catch(error => error)
    expect(error).toMatchObject({ code: 'ERR_VALIDATION', provider: 'example' })
  }
  const part = fc.oneof(
    fc.string(),
    fc.base64String(),
    fc.json().map(text => Buffer.from(text).toString('base64url')),
  )
  const header = fc.record(
    {
      alg: fc.oneof(fc.constantFrom('RS256', 'none', 'RSA-OAEP', 'dir'), fc.jsonValue()),
      enc: fc.oneof(fc.constantFrom('A128GCM'), fc.jsonValue()),
      kid: fc.oneof(fc.constant(rsa.kid), fc.jsonValue()),
      typ: fc.jsonValue(),
      crit: fc.jsonValue(),
      zip: fc.jsonValue(),
      epk: fc.jsonValue(),
    },
    { requiredKeys: [] },
  )

  test('is refused by a ValidationError where it is no JWT', () =>
    fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.anything(),
          fc.array(part, { maxLength: 6 }).map(parts => parts.join('.')),
        ),
        isRefused,
      ),
    ))

  test('is refused by a ValidationError where its header is odd', () =>
    fc.assert(
      fc.asyncProperty(header, fc.jsonValue(), fc.integer({ min: 0, max: 3 }), async (header, payload, more) => {
        await isRefused(`${forged(header, payload, 'AAAA')}${'.AAAA'.repeat(more)}`)
      }),
    ))

  test('as a set of keys is taken or refused, and nothing else', () =>
    fc.assert(
      fc.asyncProperty(
        fc.jsonValue(),
        fc.array(
          fc.dictionary(
            fc.constantFrom('kty', 'use', 'key_ops', 'alg', 'kid', 'n', 'e', 'crv', 'x', 'y'),
            fc.jsonValue(),
          ),
        ),
        async (body, keys) => {
          const outcome = async (set: unknown) => {
            const odd = openIdServer()
            odd.answer = () => ({ status: 200, headers: new Headers(), body: Buffer.from(JSON.stringify(set)) })
            return outcomeAt(odd, await sign(rsa, claims()))
          }
          expect(['holds', 'kid', 'signature']).toContain(
            await outcome({ keys: keys.map(members => ({ ...rsa.jwk, ...members })) }),
          )
          expect(['jwks', 'kid']).toContain(await outcome(body))
        },
      ),
      { numRuns: 50 },
    ))
})

describe('createClient', () => {
  const rsaKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  const wrong: readonly [string, string, Parameters<ReturnType<typeof openIdServer>['client']>[0]][] = [
    ['metadata that is a text', 'metadata', { metadata: 'RS256' as never }],
    [
      'ID tokens without a signature',
      'metadata.id_token_signed_response_alg',
      { metadata: { id_token_signed_response_alg: 'none' } },
    ],
    [
      'an algorithm nobody knows',
      'metadata.authorization_signed_response_alg',
      { metadata: { authorization_signed_response_alg: 'RS1' } },
    ],
    [
      'an algorithm that is a number',
      'metadata.userinfo_signed_response_alg',
      { metadata: { userinfo_signed_response_alg: 256 as never } },
    ],
    [
      'encryption by RSA1_5',
      'metadata.id_token_encrypted_response_alg',
      { metadata: { id_token_encrypted_response_alg: 'RSA1_5' } },
    ],
    [
      'content encryption alone',
      'metadata.id_token_encrypted_response_alg',
      { metadata: { id_token_encrypted_response_enc: 'A128GCM' } },
    ],
    [
      'content encryption nobody knows',
      'metadata.id_token_encrypted_response_enc',
      { metadata: { id_token_encrypted_response_alg: 'dir', id_token_encrypted_response_enc: 'AES' } },
    ],
    ['a flag that is a text', 'metadata.require_auth_time', { metadata: { require_auth_time: 'true' as never } }],
    ['an age that is a text', 'metadata.default_max_age', { metadata: { default_max_age: '60' as never } }],
    ['an age below zero', 'metadata.default_max_age', { metadata: { default_max_age: -1 } }],
    [
      'encrypted ID tokens without a key',
      'decryptionKeys',
      { metadata: { id_token_encrypted_response_alg: 'RSA-OAEP' } },
    ],
    ['a MAC without a secret', 'clientSecret', { metadata: { id_token_signed_response_alg: 'HS256' }, auth: none() }],
    [
      'encryption by a secret there is not',
      'clientSecret',
      { metadata: { userinfo_encrypted_response_alg: 'dir' }, auth: privateKeyJwt({ key: rsaKey, alg: 'RS256' }) },
    ],
    ['keys that are no list', 'decryptionKeys', { decryptionKeys: { key: rsaKey } as never }],
    ['a key that is not in an object', 'decryptionKeys[0]', { decryptionKeys: ['PEM' as never] }],
    ['a member nobody knows', 'alg', { decryptionKeys: [{ key: rsaKey, alg: 'RSA-OAEP' } as never] }],
    ['a key that cannot be read', 'decryptionKeys[0].key', { decryptionKeys: [{ key: 'PEM' }] }],
    ['a public key', 'decryptionKeys[1].key', { decryptionKeys: [{ key: rsaKey }, { key: rsa.jwk as never }] }],
    [
      'a key that signs',
      'decryptionKeys[0].key',
      { decryptionKeys: [{ key: { ...rsaKey.export({ format: 'jwk' }), use: 'sig' } }] },
    ],
    [
      'a key of Ed25519',
      'decryptionKeys[0].key',
      { decryptionKeys: [{ key: generateKeyPairSync('ed25519').privateKey }] },
    ],
    [
      'a key of RSA with 1024 bits',
      'decryptionKeys[0].key',
      { decryptionKeys: [{ key: generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey }] },
    ],
    ['an empty kid', 'decryptionKeys[0].kid', { decryptionKeys: [{ key: rsaKey, kid: '' }] }],
  ]
  for (const [name, option, options] of wrong)
    test(`refuses ${name} and names ${option}`, () => {
      const make = () => openIdServer().client(options)
      expect(make).toThrow(TypeError)
      expect(make).toThrow(expect.objectContaining({ option }))
    })

  test('takes further members of the registration, and changes to them change nothing', () => {
    const metadata: Record<string, unknown> = { client_name: 'App', id_token_signed_response_alg: 'PS256' }
    const client = openIdServer().client({ metadata })
    metadata.id_token_signed_response_alg = 'RS256'
    expect(client.metadata).toEqual({ client_name: 'App', id_token_signed_response_alg: 'PS256' })
  })

  test('keeps no secret of a registration that is given whole', () => {
    const metadata = {
      client_secret: 'the secret',
      registration_access_token: 'the token',
      dpop_bound_access_tokens: false,
    }
    expect(openIdServer().client({ metadata }).metadata).toEqual({ dpop_bound_access_tokens: false })
  })

  test('reads the secret of each method that has one', async () => {
    const metadata = { id_token_signed_response_alg: 'HS256' }
    const client = openIdServer().client({ metadata, auth: clientSecretPost(async () => secret) })
    const input = forged({ alg: 'HS256' }, claims({ iss: issuer })).slice(0, -1)
    const jwt = `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
    expect((await readSignedJwt(client, jwt, what)).claims).toMatchObject({ sub: 'user' })
  })
})
