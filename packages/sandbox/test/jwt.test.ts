/** What the sandbox signs and verifies by hand, judged by jose. */
import { generateKeyPairSync } from 'node:crypto'
import { CompactSign, compactVerify } from 'jose'
import { describe, expect, test } from 'vitest'
import { parseJwt, signJwt, verifyJwt } from '../src/jwt.js'

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const keys = {
  ...{ PS256: rsa, PS384: rsa, PS512: rsa, RS256: rsa, RS384: rsa, RS512: rsa },
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  ES512: generateKeyPairSync('ec', { namedCurve: 'P-521' }),
}
const claims = { iss: 'client', jti: 'ä/1' }

describe.each(Object.entries(keys))('%s', (alg, { privateKey, publicKey }) => {
  const signedByJose = () =>
    new CompactSign(Buffer.from(JSON.stringify(claims))).setProtectedHeader({ alg, kid: 'k' }).sign(privateKey)

  test('what jose signs is verified, and read', async () => {
    const jwt = parseJwt(await signedByJose())
    expect(jwt).toMatchObject({ header: { alg, kid: 'k' }, claims })
    expect(jwt && verifyJwt(jwt, publicKey)).toBe(true)
  })

  test('what the sandbox signs is verified by jose', async () => {
    const { payload, protectedHeader } = await compactVerify(signJwt({ alg, kid: 'k' }, claims, privateKey), publicKey)
    expect(JSON.parse(Buffer.from(payload).toString())).toEqual(claims)
    expect(protectedHeader).toEqual({ alg, kid: 'k' })
  })

  test('a claim that was changed afterwards is refused', async () => {
    const [header = '', , signature = ''] = (await signedByJose()).split('.')
    const changed = Buffer.from(JSON.stringify({ ...claims, iss: 'another' })).toString('base64url')
    const jwt = parseJwt([header, changed, signature].join('.'))
    expect(jwt && verifyJwt(jwt, publicKey)).toBe(false)
  })
})

test.each(['none', 'HS256', 'RS1', ''])('alg %j is refused, whatever the signature', alg => {
  const [header, payload] = [{ alg }, claims].map(part => Buffer.from(JSON.stringify(part)).toString('base64url'))
  const jwt = parseJwt([header, payload, 'c2ln'].join('.'))
  expect(jwt && verifyJwt(jwt, rsa.publicKey)).toBe(false)
})
