import { generateKeyPairSync } from 'node:crypto'
import { jwtVerify } from 'jose'
import { expect, test } from 'vitest'
import { type Assertion, signAssertion } from '../src/assertion.js'
import { signer } from '../src/signer.js'

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const now = 1_760_000_000_999
const clock = { now: () => now }
const assertion: Assertion = {
  issuer: 'client-1',
  subject: 'client-1',
  audience: 'https://as.example.com',
  typ: 'client-authentication+jwt',
  lifetimeSeconds: 60,
  clockSkewSeconds: 0,
  header: {},
  claims: {},
}

async function signed(change: Partial<Assertion> = {}) {
  const jwt = await signAssertion(
    signer({ key: privateKey, alg: 'ES256', kid: 'k1' }),
    { ...assertion, ...change },
    clock,
  )
  return jwtVerify(jwt, publicKey, { currentDate: new Date(now) })
}

test('says who, to whom, from when and until when, and nothing more', async () => {
  const { payload, protectedHeader } = await signed()
  expect(protectedHeader).toEqual({ alg: 'ES256', kid: 'k1', typ: 'client-authentication+jwt' })
  expect(payload).toEqual({
    iss: 'client-1',
    sub: 'client-1',
    aud: 'https://as.example.com',
    jti: expect.stringMatching(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/),
    iat: 1_760_000_000,
    exp: 1_760_000_060,
  })
})

test('has a jti of its own each time', async () => {
  const ids = await Promise.all(Array.from({ length: 50 }, async () => (await signed()).payload.jti))
  expect(new Set(ids).size).toBe(50)
})

test('sets iat back, and not exp, for a server whose clock runs behind', async () => {
  const { payload } = await signed({ clockSkewSeconds: 10, lifetimeSeconds: 900 })
  expect(payload).toMatchObject({ iat: 1_759_999_990, exp: 1_760_000_900 })
})

test('carries more header members and claims, which override none of its own', async () => {
  const { payload, protectedHeader } = await signed({
    header: { 'x5t#S256': 'thumb', typ: 'JWT', alg: 'none' },
    claims: { realm: 'r', jti: 'mine', exp: 1 },
  })
  expect(protectedHeader).toMatchObject({ 'x5t#S256': 'thumb', typ: 'client-authentication+jwt', alg: 'ES256' })
  expect(payload).toMatchObject({ realm: 'r', exp: 1_760_000_060 })
  expect(payload.jti).not.toBe('mine')
})
