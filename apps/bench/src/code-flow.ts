/** Figure 10: a whole code flow: a pushed request, the code that comes back, tokens, and an ID token checked. */
import {
  constants,
  createPublicKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  sign,
  verify,
  webcrypto,
} from 'node:crypto'
import {
  createAuthorizationRequest,
  createClient,
  defineProvider,
  privateKeyJwt,
  readAuthorizationResponse,
  requestTokenSet,
  type Transport,
} from '@grantkit/core'
import * as openid from 'openid-client'
import { Agent, Client, type Dispatcher, request } from 'undici'
import { type Figure, ratioFigure } from './figure.js'
import { type Repeat, timeInTurns } from './measure.js'

type Algorithm = 'PS256' | 'ES256'

const reference = 'undici.request, crypto.sign and crypto.verify'
const redirectUri = 'https://app.example/callback'
const scope = 'openid accounts'

/** By the two algorithms that FAPI allows. */
export async function codeFlows(origin: string): Promise<Figure[]> {
  return [await codeFlow(origin, 'PS256'), await codeFlow(origin, 'ES256')]
}

async function codeFlow(origin: string, alg: Algorithm): Promise<Figure> {
  const { privateKey } =
    alg === 'PS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const setting = { issuer: `${origin}/${alg}`, alg, key: privateKey }
  const [native, own] = [await nativeFlow(setting, { own: false }), await nativeFlow(setting, { own: true })]
  const ours = ofGrantKit(setting)
  const contestants = {
    [reference]: native.repeat,
    'the same, the code over a connection of its own': own.repeat,
    GrantKit: ours.repeat,
    'openid-client': await ofOpenidClient(setting, { checksSignature: true }),
    'openid-client, signature of the ID token unchecked': await ofOpenidClient(setting, { checksSignature: false }),
  } satisfies Record<string, Repeat>
  const times = await timeInTurns(contestants, { forMs: 8_000, times: 2 })
  await Promise.all([native, own, ours].map(flow => flow.close()))
  const goals = [{ atMost: 1.25 }, { atMost: 0.75, of: 'openid-client' }]
  return ratioFigure({ name: `10 a whole code flow: PAR, code, ID token, ${alg}`, goals }, times)
}

interface Setting {
  readonly issuer: string
  readonly alg: Algorithm
  /** Signs the client's assertions. */
  readonly key: KeyObject
}

const metadataOf = (issuer: string) => ({
  issuer,
  authorization_endpoint: `${issuer}/authorize`,
  pushed_authorization_request_endpoint: `${issuer}/par`,
  token_endpoint: `${issuer}/token`,
  jwks_uri: `${issuer}/jwks`,
})

/** What the browser comes back with: the server's code for a request is its nonce. */
function callback(issuer: string, state: string, nonce: string): string {
  return `${redirectUri}?${new URLSearchParams({ code: nonce, state, iss: issuer })}`
}

function ofGrantKit({ issuer, alg, key }: Setting, transport?: Transport) {
  const client = createClient({
    provider: defineProvider({ name: 'bench', metadata: metadataOf(issuer) }),
    clientId: 'bench',
    auth: privateKeyJwt({ key, alg, kid: 'bench' }),
    metadata: { id_token_signed_response_alg: alg },
    transport,
  })
  const repeat: Repeat = async times => {
    for (let i = 0; i < times; i++) {
      const { transaction } = await createAuthorizationRequest(client, { redirectUri, scope, pushed: true })
      const answer = callback(issuer, transaction.state, transaction.nonce as string)
      await requestTokenSet(client, await readAuthorizationResponse(client, transaction, answer))
    }
  }
  return { repeat, close: () => client.close() }
}

/**
 * The least that can be done: sign as many bytes, send as many bytes, read the answers, verify the ID token.
 *
 * @param own whether the code goes over a connection of its own, as GrantKit sends what is good for one use
 */
async function nativeFlow(setting: Setting, { own }: { own: boolean }) {
  const { issuer, alg, key } = setting
  const [pushed, redeemed] = await recordRequests(setting)
  const options = alg === 'PS256' ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } : { dsaEncoding }
  const kept = new Agent()
  const { body } = await request(`${issuer}/jwks`, { dispatcher: kept })
  const { keys } = (await body.json()) as { keys: [JsonWebKey] }
  const publicKey = createPublicKey({ key: keys[0], format: 'jwk' })
  const signed = (input: Buffer) =>
    alg === 'ES256'
      ? sign('sha256', input, { key, ...options })
      : new Promise<Buffer>((resolve, reject) => {
          sign('sha256', input, { key, ...options }, (error, signature) => (error ? reject(error) : resolve(signature)))
        })
  const send = async ({ url, headers, body, input }: Recorded, dispatcher: Dispatcher) => {
    await signed(input)
    const response = await request(url, { method: 'POST', headers, body, dispatcher })
    return (await response.body.json()) as { id_token: string }
  }
  const repeat: Repeat = async times => {
    for (let i = 0; i < times; i++) {
      await send(pushed, kept)
      const connection = own ? new Client(issuer.slice(0, issuer.lastIndexOf('/'))) : kept
      const { id_token: idToken } = await send(redeemed, connection)
      if (own) void connection.destroy()
      const last = idToken.lastIndexOf('.')
      const signature = Buffer.from(idToken.slice(last + 1), 'base64url')
      if (!verify('sha256', Buffer.from(idToken.slice(0, last)), { key: publicKey, ...options }, signature))
        throw new Error('the signature does not hold')
    }
  }
  return { repeat, close: () => kept.close() }
}

const dsaEncoding = 'ieee-p1363' as const

interface Recorded {
  readonly url: string
  readonly headers: Record<string, string>
  readonly body: string
  /** What is signed of it. */
  readonly input: Buffer
}

/** What GrantKit sends, so that others can send as much: the pushed request, and the one for tokens. */
async function recordRequests(setting: Setting): Promise<[Recorded, Recorded]> {
  const sent: Recorded[] = []
  const transport: Transport = async ({ url, method = 'GET', headers, body }) => {
    const given = method === 'GET' ? undefined : String(body)
    const response = await request(url, { method, headers: { ...headers }, body: given ?? null })
    if (given !== undefined) {
      const [header, claims] = new URLSearchParams(given).get('client_assertion')?.split('.') ?? []
      sent.push({ url, headers: { ...headers }, body: given, input: Buffer.from(`${header}.${claims}`) })
    }
    const answered = new Headers({ 'content-type': String(response.headers['content-type']) })
    return { status: response.statusCode, headers: answered, body: Buffer.from(await response.body.arrayBuffer()) }
  }
  await ofGrantKit(setting, transport).repeat(1)
  const [pushed, redeemed] = sent
  if (pushed === undefined || redeemed === undefined) throw new Error(`${sent.length} requests were recorded`)
  return [pushed, redeemed]
}

/** It takes the ID token of a token response for what TLS vouches for, unless it is told to check its signature. */
async function ofOpenidClient({ issuer, alg, key }: Setting, { checksSignature }: { checksSignature: boolean }) {
  const pkcs8 = key.export({ type: 'pkcs8', format: 'der' })
  const algorithm = alg === 'PS256' ? { name: 'RSA-PSS', hash: 'SHA-256' } : { name: 'ECDSA', namedCurve: 'P-256' }
  const signing = await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign'])
  const auth = openid.PrivateKeyJwt({ key: signing, kid: 'bench' })
  const registered = { id_token_signed_response_alg: alg }
  const config = new openid.Configuration(metadataOf(issuer), 'bench', registered, auth)
  openid.allowInsecureRequests(config)
  if (checksSignature) openid.enableNonRepudiationChecks(config)
  const repeat: Repeat = async times => {
    for (let i = 0; i < times; i++) {
      const pkceCodeVerifier = openid.randomPKCECodeVerifier()
      const [expectedState, expectedNonce] = [openid.randomState(), openid.randomNonce()]
      await openid.buildAuthorizationUrlWithPAR(config, {
        redirect_uri: redirectUri,
        scope,
        state: expectedState,
        nonce: expectedNonce,
        code_challenge: await openid.calculatePKCECodeChallenge(pkceCodeVerifier),
        code_challenge_method: 'S256',
      })
      const answer = new URL(callback(issuer, expectedState, expectedNonce))
      const checks = { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true }
      await openid.authorizationCodeGrant(config, answer, checks)
    }
  }
  return repeat
}
