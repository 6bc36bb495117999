import { generateKeyPairSync, webcrypto } from 'node:crypto'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { calculateJwkThumbprint, EmbeddedJWK, type JWK, jwtVerify } from 'jose'
import { describe, expect, test } from 'vitest'
import { createClient } from '../src/client.js'
import { type DpopKeyOptions, dpopKey, nonceFor, rememberDpopNonce } from '../src/dpop.js'
import { asDiscovered } from '../src/metadata.js'
import { answering, provider } from './answering.js'

const now = 1_760_000_000_999
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const pem = ec.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()

/** As a server reads it: by the key that is in it. */
async function verified(proof: string) {
  return jwtVerify(proof, EmbeddedJWK, { typ: 'dpop+jwt', currentDate: new Date(now) })
}

describe('a proof', () => {
  test('says which request it is for, when, and by which key, and nothing more', async () => {
    const key = dpopKey()
    const proof = key.signProof({ method: 'POST', url: 'https://as.example.com/token', now })
    const { payload, protectedHeader } = await verified(proof)
    expect(protectedHeader).toEqual({ typ: 'dpop+jwt', alg: 'ES256', jwk: key.publicJwk })
    expect(Object.keys(key.publicJwk).sort()).toEqual(['crv', 'kty', 'x', 'y'])
    expect(payload).toEqual({
      jti: expect.stringMatching(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/),
      htm: 'POST',
      htu: 'https://as.example.com/token',
      iat: 1_760_000_000,
    })
  })

  test('holds the hash of the token, and the nonce', async () => {
    const url = 'https://api.example.com/'
    // the token and its hash of RFC 9449 §7.1
    const accessToken = 'Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU'
    const { payload } = await verified(dpopKey().signProof({ method: 'GET', url, now, accessToken, nonce: 'n-1' }))
    expect(payload).toMatchObject({ ath: 'fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo', nonce: 'n-1' })
  })

  test('is never the same twice', async () => {
    const key = dpopKey()
    const jtis = await Promise.all(
      Array.from({ length: 50 }, () => verified(key.signProof({ method: 'GET', url: 'https://a.example/', now }))),
    )
    expect(new Set(jtis.map(({ payload }) => payload.jti)).size).toBe(50)
  })

  const urls: readonly [url: string, htu: string][] = [
    ['https://api.example.com/a/b?c=d#e', 'https://api.example.com/a/b'],
    ['https://api.example.com', 'https://api.example.com/'],
    ['HTTPS://API.Example.com:443/A', 'https://api.example.com/A'],
    ['https://api.example.com:8443/a?b=https://c/', 'https://api.example.com:8443/a'],
    ['https://user:password@api.example.com/a', 'https://api.example.com/a'],
    ['https://api.example.com/ü', 'https://api.example.com/%C3%BC'],
    ['http://[::1]:3000/a', 'http://[::1]:3000/a'],
    ['wss://api.example.com/socket?a=b', 'https://api.example.com/socket'],
  ]
  for (const [url, htu] of urls)
    test(`of ${url} has htu ${htu}`, async () => {
      for (const each of [url, new URL(url)])
        expect((await verified(dpopKey().signProof({ method: 'GET', url: each, now }))).payload.htu).toBe(htu)
    })

  test('needs an absolute URL, of HTTP or a WebSocket', () => {
    expect(() => dpopKey().signProof({ method: 'GET', url: '/a', now })).toThrow('url: must be an absolute URL')
    expect(() => dpopKey().signProof({ method: 'GET', url: 'app:a"b', now })).toThrow('url: must be a URL of HTTP')
  })

  test('holds whatever it is made of, as it is', async () => {
    const url = (path: string) => `https://a.example/${path}`
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), fc.webUrl({ withQueryParameters: true }), async (text, any) => {
        const target = new URL(any)
        const proof = dpopKey({ key: pem }).signProof({ method: text, url: any, now, nonce: text })
        const { payload } = await verified(proof)
        expect(payload).toMatchObject({ htm: text, htu: target.origin + target.pathname, nonce: text })
      }),
      { numRuns: 100 },
    )
    const long = url('ü'.repeat(10_000))
    const { payload } = await verified(dpopKey().signProof({ method: 'GET', url: long, now }))
    expect(payload.htu).toBe(new URL(long).href)
  })
})

describe('dpopKey', () => {
  const algorithms = ['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519', 'PS256', 'RS256'] as const
  for (const alg of algorithms)
    test(`makes a new key for ${alg}`, async () => {
      const key = dpopKey({ alg })
      expect(key.alg).toBe(alg)
      const { protectedHeader } = await verified(key.signProof({ method: 'GET', url: 'https://a.example/', now }))
      expect(protectedHeader.alg).toBe(alg)
      expect(key.thumbprint).toBe(await calculateJwkThumbprint(key.publicJwk as JWK))
    })

  const forms: Readonly<Record<string, DpopKeyOptions>> = {
    PEM: { key: pem },
    'an encrypted PEM': {
      key: ec.privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'p' }).toString(),
      passphrase: 'p',
    },
    'a JWK': { key: ec.privateKey.export({ format: 'jwk' }) },
    'a KeyObject': { key: ec.privateKey },
  }
  for (const [form, options] of Object.entries(forms))
    test(`takes ${form}, with the algorithm of its type`, async () => {
      const key = dpopKey(options)
      expect([key.alg, key.thumbprint]).toEqual(['ES256', dpopKey({ key: pem }).thumbprint])
      await verified(key.signProof({ method: 'GET', url: 'https://a.example/', now }))
    })

  test('takes a CryptoKey that cannot be exported', async () => {
    const { privateKey } = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
    await verified(dpopKey({ key: privateKey }).signProof({ method: 'GET', url: 'https://a.example/', now }))
  })

  test('takes RSA with an algorithm', async () => {
    const key = dpopKey({ key: rsa.privateKey, alg: 'PS256' })
    await verified(key.signProof({ method: 'GET', url: 'https://a.example/', now }))
  })

  test("goes by a JWK's own algorithm", () => {
    expect(dpopKey({ key: { ...rsa.privateKey.export({ format: 'jwk' }), alg: 'PS256' } }).alg).toBe('PS256')
  })

  const wrong: readonly [name: string, message: RegExp, options: object][] = [
    ['an option that is none', /^kid: /, { kid: 'a' }],
    ['a key that is undefined', /^key: is undefined/, { key: undefined }],
    ['an RSA key without an algorithm', /^alg: is required/, { key: rsa.privateKey }],
    ['a function that signs', /^key: must be in this process/, { key: async () => new Uint8Array() }],
    ['a public key', /^key: must be a private key/, { key: ec.publicKey }],
    ['a key that cannot do the algorithm', /^key: is of type ec/, { key: pem, alg: 'PS256' }],
    ['an algorithm that is none', /^alg: /, { alg: 'ES257' }],
    ['a MAC', /^alg: is for a client secret/, { alg: 'HS256' }],
  ]
  for (const [name, message, options] of wrong)
    test(`refuses ${name}`, () => {
      expect(() => dpopKey(options as DpopKeyOptions)).toThrow(message)
    })

  test('shows nothing of the private key', () => {
    const { d } = ec.privateKey.export({ format: 'jwk' })
    const key = dpopKey({ key: pem })
    expect(`${inspect(key, { depth: 9, showHidden: true })} ${JSON.stringify(key)}`).not.toContain(d)
  })
})

describe('createClient', () => {
  const { transport } = answering()
  const listing = (...algs: string[]) => provider({}, { dpop_signing_alg_values_supported: algs })
  const options = { clientId: 'app', clientSecret: 'secret', transport }

  test('takes a key whose algorithm the server takes', () => {
    const dpop = dpopKey()
    expect(createClient({ ...options, provider: listing('ES256'), dpop }).dpop).toBe(dpop)
  })

  test('refuses one whose algorithm it states not to take', () => {
    expect(() => createClient({ ...options, provider: listing('PS256', 'EdDSA'), dpop: dpopKey() })).toThrow(
      /^dpop: example accepts proofs by PS256, EdDSA, not ES256/,
    )
  })

  test('takes a list that was discovered for a hint', () => {
    const { metadata, ...rest } = listing('PS256')
    expect(() =>
      createClient({ ...options, provider: { ...rest, metadata: asDiscovered(metadata, {}) }, dpop: dpopKey() }),
    ).not.toThrow()
  })

  test('refuses to go without one where the client is registered for bound tokens alone', () => {
    const metadata = { dpop_bound_access_tokens: true }
    expect(() => createClient({ ...options, provider: provider(), metadata })).toThrow(/^dpop: is needed: /)
    expect(createClient({ ...options, provider: provider(), metadata, dpop: dpopKey() }).metadata).toEqual(metadata)
  })

  test('refuses what is no key', () => {
    expect(() => createClient({ ...options, provider: provider(), dpop: pem as never })).toThrow(
      /^dpop: must come from dpopKey\(\)/,
    )
  })
})

describe('nonces', () => {
  test('are kept by key and origin, the latest one', () => {
    const [one, other] = [dpopKey(), dpopKey()]
    rememberDpopNonce(undefined, 'https://as.example/token', 'n-0') // a client without a key
    rememberDpopNonce(one, 'https://as.example/token', 'n-1')
    rememberDpopNonce(one, 'https://as.example/par', 'n-2')
    rememberDpopNonce(one, 'https://api.example/', 'n-3')
    expect(nonceFor(one, 'https://as.example/other?a=b')).toBe('n-2')
    expect(nonceFor(one, 'https://api.example/a')).toBe('n-3')
    expect(nonceFor(one, 'https://api.example:8443/a')).toBeUndefined()
    expect(nonceFor(other, 'https://as.example/token')).toBeUndefined()
  })

  test('serve another client that is made with the same key', () => {
    rememberDpopNonce(dpopKey({ key: pem }), 'https://shared.example/', 'n-1')
    expect(nonceFor(dpopKey({ key: pem }), 'https://shared.example/')).toBe('n-1')
  })

  test('are ignored where they are none', () => {
    const key = dpopKey()
    for (const none of [undefined, null, '', 'a b', 'n-1, n-2', 'a"b', 'a\\b', 'a\r\nb', 'ü', 'n'.repeat(4_097)])
      rememberDpopNonce(key, 'https://a.example/', none)
    expect(nonceFor(key, 'https://a.example/')).toBeUndefined()
  })

  test('are 1,000 at most: the one used longest ago goes first', () => {
    const key = dpopKey()
    for (let port = 1; port <= 1_001; port++) {
      if (port === 1_000) rememberDpopNonce(key, 'http://localhost:1/', 'again')
      rememberDpopNonce(key, `http://localhost:${port}/`, `n-${port}`)
    }
    expect(nonceFor(key, 'http://localhost:1/')).toBe('again')
    expect([2, 3].map(port => nonceFor(key, `http://localhost:${port}/`))).toEqual([undefined, 'n-3'])
  })

  test('from any header never make a proof that cannot be sent', () => {
    const key = dpopKey()
    const url = 'https://any.example/'
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), header => {
        rememberDpopNonce(key, url, header)
        expect(key.signProof({ method: 'GET', url, now, nonce: nonceFor(key, url) })).toMatch(
          /^[\w-]+\.[\w-]+\.[\w-]+$/,
        )
      }),
      { numRuns: 200 },
    )
  })
})
