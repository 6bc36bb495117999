/** Figure 4: a token request with an assertion signed by PS256, on a connection kept alive. */
import { constants, generateKeyPairSync, type KeyObject, sign, webcrypto } from 'node:crypto'
import {
  type Client,
  clientCredentials,
  createClient,
  defineProvider,
  privateKeyJwt,
  requestTokenSet,
  type Transport,
} from '@grantkit/core'
import * as openid from 'openid-client'
import { Agent, request } from 'undici'
import { accessToken } from './access-token.js'
import { type Figure, ratioFigure } from './figure.js'
import { type Repeat, timeInTurns } from './measure.js'

const reference = 'undici.request and crypto.sign'
const grant = clientCredentials({ scope: 'accounts' })

export async function tokenRequest(origin: string): Promise<Figure> {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const client = makeClient(origin, privateKey)
  const native = await nativeRequest(origin, privateKey)
  const contestants = {
    [reference]: native.repeat,
    GrantKit: async times => {
      for (let i = 0; i < times; i++) await requestTokenSet(client, grant)
    },
    'openid-client': await openidClient(origin, privateKey),
  } satisfies Record<string, Repeat>
  const times = await timeInTurns(contestants, { forMs: 6_000, times: 5 })
  await Promise.all([client.close(), native.close()])
  return ratioFigure({ name: '4  a PS256 token request', goals: [{ atMost: 1.25 }] }, times)
}

function makeClient(origin: string, key: KeyObject, transport?: Transport): Client {
  const provider = defineProvider({
    name: 'bench',
    metadata: { issuer: origin, token_endpoint: `${origin}/token` },
  })
  const auth = privateKeyJwt({ key, alg: 'PS256', kid: 'bench' })
  return createClient({ provider, clientId: 'bench', auth, transport })
}

/** The least that can be done: sign as many bytes, send as many bytes, read the answer. */
async function nativeRequest(origin: string, privateKey: KeyObject) {
  const { headers, body } = await recordRequest(origin, privateKey)
  const [header, claims] = new URLSearchParams(body).get('client_assertion')?.split('.') ?? []
  const input = Buffer.from(`${header}.${claims}`)
  const key = { key: privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }
  const signInput = () =>
    new Promise<Buffer>((resolve, reject) => {
      sign('sha256', input, key, (error, signature) => (error ? reject(error) : resolve(signature)))
    })
  const dispatcher = new Agent()
  const repeat: Repeat = async times => {
    for (let i = 0; i < times; i++) {
      await signInput()
      const response = await request(`${origin}/token`, { method: 'POST', headers, body, dispatcher })
      await response.body.json()
    }
  }
  return { repeat, close: () => dispatcher.close() }
}

/** What GrantKit sends, so that others can send as much. */
async function recordRequest(origin: string, key: KeyObject) {
  const sent: { headers: Record<string, string>; body: string }[] = []
  const transport: Transport = async ({ headers, body }) => {
    sent.push({ headers: { ...headers }, body: String(body) })
    const answer = Buffer.from(JSON.stringify({ access_token: accessToken, token_type: 'Bearer' }))
    return { status: 200, headers: { get: () => null }, body: answer }
  }
  await requestTokenSet(makeClient(origin, key, transport), grant)
  const [recorded] = sent
  if (recorded === undefined) throw new Error('no request was recorded')
  return recorded
}

async function openidClient(origin: string, privateKey: KeyObject): Promise<Repeat> {
  const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' })
  const key = await webcrypto.subtle.importKey('pkcs8', pkcs8, { name: 'RSA-PSS', hash: 'SHA-256' }, false, ['sign'])
  const server = { issuer: origin, token_endpoint: `${origin}/token` }
  const config = new openid.Configuration(server, 'bench', undefined, openid.PrivateKeyJwt({ key, kid: 'bench' }))
  openid.allowInsecureRequests(config)
  return async times => {
    for (let i = 0; i < times; i++) await openid.clientCredentialsGrant(config, { scope: 'accounts' })
  }
}
