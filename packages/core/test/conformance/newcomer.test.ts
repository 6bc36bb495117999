/** What somebody new gets wrong, and what they are told to do about it. */
import type { Misbehaviour } from '@grantkit/sandbox'
import { describe, expect, test } from 'vitest'
import { createClient, discoverMetadata, readAuthorizationResponse } from '../../src/index.js'
import { basic, fapi1, hybrid } from './flows.js'
import { begin, type Flow, goOut, logIn, refusalOf } from './scene.js'

const told = async (flow: Flow, misbehaviours: readonly Misbehaviour[] = []) => {
  const error = await refusalOf(async () => {
    await using scene = await begin(flow, misbehaviours)
    await logIn(scene)
  })
  return (error as Error).message
}

describe('the registration', () => {
  const es256: Flow['settings'] = { idTokenSignedResponseAlg: 'ES256' }
  test('another algorithm than RS256, which the client was not told of', async () => {
    const message = await told({ settings: es256, client: () => ({ metadata: {} }) })
    expect(message).toContain('signed by "ES256"; expected RS256')
    expect(message).toContain('metadata.id_token_signed_response_alg')
  })

  test('another algorithm than was told', async () => {
    const message = await told({ client: () => ({ metadata: { id_token_signed_response_alg: 'PS256' } }) })
    expect(message).toContain('signed by "RS256"; PS256 was registered')
  })

  test('encryption, which the client was not told of', async () => {
    const message = await told({ settings: { idTokenEncryption: { alg: 'RSA-OAEP', enc: 'A256GCM' } } })
    expect(message).toContain('is encrypted, and the client has no decryptionKeys')
  })

  test('encryption, and no key', async () => {
    await using scene = await begin(basic)
    const { provider, id: clientId } = scene.client
    const metadata = { id_token_encrypted_response_alg: 'RSA-OAEP' }
    expect(() => createClient({ provider, clientId, metadata })).toThrow('decryptionKeys: is needed')
  })

  test('signed requests, and none is signed', async () => {
    expect(await told({ ...fapi1, signed: false })).toContain('requestObject: is needed')
  })
})

describe('the metadata', () => {
  test('without jwks_uri', async () => {
    expect(await told(basic, ['discovery: missing jwks_uri'])).toMatch(/^jwks_uri: is not in the metadata/)
  })

  test('without authorization_endpoint', async () => {
    const message = await told(basic, ['discovery: missing authorization_endpoint'])
    expect(message).toMatch(/^authorization_endpoint: is not in the metadata/)
  })

  test('under an issuer with a slash too many', async () => {
    await using scene = await begin(basic)
    const { openid, sandbox } = scene
    const error = await refusalOf(() => discoverMetadata({ issuer: `${openid.issuer}/`, tls: { ca: sandbox.ca } }))
    expect((error as Error).message).toContain(`it says "${openid.issuer}", expected was "${openid.issuer}/"`)
  })

  test('somewhere else', async () => {
    await using scene = await begin(basic)
    const { openid, sandbox } = scene
    const error = await refusalOf(() =>
      discoverMetadata({ issuer: `${openid.issuer}/tenant`, tls: { ca: sandbox.ca } }),
    )
    expect((error as Error).message).toContain('if it is elsewhere, give its discoveryUrl')
  })
})

describe('the clock', () => {
  test.each([
    [-3_600_000, '60 min behind'],
    [3_600_000, '60 min ahead'],
  ])('%i ms off', async (offset, words) => {
    const message = await told({ client: ({ sandbox }) => ({ clock: { now: () => sandbox.now() + offset } }) })
    expect(message).toContain(words)
  })
})

describe('the answer', () => {
  const readWith = async (flow: Flow, change: (answer: URL) => unknown) => {
    await using scene = await begin(flow)
    const { transaction, answer } = await goOut(scene)
    const changed = change(new URL(String(answer)))
    const error = await refusalOf(() => readAuthorizationResponse(scene.client, transaction, changed as never))
    return (error as Error).message
  }

  test("by Express's url under a router", async () => {
    expect(await readWith(basic, ({ search }) => `/${search}`)).toContain('originalUrl')
  })

  test('as a request', async () => {
    expect(await readWith(basic, url => new Request(url))).toContain('give its URL')
  })

  test('of the hybrid flow without its fragment', async () => {
    expect(await readWith(hybrid, ({ origin, pathname }) => new URL(pathname, origin))).toMatch(/^state: is missing/)
  })
})
