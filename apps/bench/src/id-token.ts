/** Figure 9: an ID token checked, by a key of the server's that is kept. */
import { constants, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto'
import { createClient, defineProvider, validateIdToken } from '@grantkit/core'
import * as openid from 'openid-client'
import { type Figure, ratioFigure } from './figure.js'
import { type Repeat, timeInTurns } from './measure.js'

const issuer = 'https://as.example'
const nonce = 'n-0S6_WzA2Mj'

/** By the two algorithms that FAPI allows. */
export async function idTokens(): Promise<Figure[]> {
  return [await checked('PS256'), await checked('ES256')]
}

async function checked(alg: 'PS256' | 'ES256'): Promise<Figure> {
  const token = signedBy(alg)
  const contestants = {
    'crypto.verify': ofSignature(token),
    GrantKit: ofGrantKit(token),
    'openid-client': ofOpenidClient(token),
  } satisfies Record<string, Repeat>
  const times = await timeInTurns(contestants, { forMs: 4_000, times: 50 })
  return ratioFigure({ name: `9  an ID token checked, ${alg}`, goals: [{ atMost: 1.25 }] }, times)
}

interface SignedIdToken {
  readonly alg: string
  readonly idToken: string
  readonly jwk: Readonly<Record<string, unknown>>
  /** What Node signs and verifies by, beside the key. */
  readonly options: object
}

function signedBy(alg: 'PS256' | 'ES256'): SignedIdToken {
  const isRsa = alg === 'PS256'
  const { privateKey, publicKey } = isRsa
    ? generateKeyPairSync('rsa', { modulusLength: 2048 })
    : generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const options = isRsa
    ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }
    : { dsaEncoding: 'ieee-p1363' as const }
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'bench', use: 'sig', alg }
  const now = Math.floor(Date.now() / 1000)
  const claims = { iss: issuer, sub: '248289761001', aud: 'bench', exp: now + 3600, iat: now, auth_time: now, nonce }
  const parts = [
    { alg, kid: 'bench' },
    { ...claims, acr: 'urn:openbanking:psd2:sca', azp: 'bench' },
  ]
  const input = parts.map(part => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  const signature = sign('sha256', Buffer.from(input), { key: privateKey, ...options }).toString('base64url')
  return { alg, idToken: `${input}.${signature}`, jwk, options }
}

/** The least that can be done: the bytes of the text, and whether the signature holds. */
function ofSignature({ idToken, jwk, options }: SignedIdToken): Repeat {
  const key: KeyObject = createPublicKey({ key: jwk, format: 'jwk' })
  return async times => {
    for (let i = 0; i < times; i++) {
      const last = idToken.lastIndexOf('.')
      const [input, signature] = [
        Buffer.from(idToken.slice(0, last)),
        Buffer.from(idToken.slice(last + 1), 'base64url'),
      ]
      if (!verify('sha256', input, { key, ...options }, signature)) throw new Error('the signature does not hold')
    }
  }
}

function ofGrantKit({ alg, idToken, jwk }: SignedIdToken): Repeat {
  const metadata = { issuer, token_endpoint: `${issuer}/token`, jwks_uri: `${issuer}/jwks` }
  const client = createClient({
    provider: defineProvider({ name: 'bench', metadata }),
    clientId: 'bench',
    metadata: { id_token_signed_response_alg: alg },
    transport: async () => ({ status: 200, headers: { get: () => null }, body: Buffer.from(setOf(jwk)) }),
  })
  return async times => {
    for (let i = 0; i < times; i++) await validateIdToken(client, idToken, { nonce })
  }
}

/** It checks the signature of an ID token of the front channel; of others, where it is asked to. */
function ofOpenidClient({ alg, idToken, jwk }: SignedIdToken): Repeat {
  const server = { issuer, authorization_endpoint: `${issuer}/authorize`, jwks_uri: `${issuer}/jwks` }
  const config = new openid.Configuration(server, 'bench', { id_token_signed_response_alg: alg }, openid.None())
  openid.useIdTokenResponseType(config)
  config[openid.customFetch] = async () => new Response(setOf(jwk), { headers: { 'content-type': 'application/json' } })
  const url = new URL(`https://app.example/callback#id_token=${idToken}`)
  return async times => {
    for (let i = 0; i < times; i++) await openid.implicitAuthentication(config, url, nonce)
  }
}

function setOf(jwk: object): string {
  return JSON.stringify({ keys: [jwk] })
}
