/**
 * What the process of the server for logins runs, once for each algorithm (`/PS256`, `/ES256`): pushed requests, codes and ID
 * tokens. It looks at nothing: the code that belongs to a request is its nonce, so that nothing has to be kept.
 */
import { constants, createHash, generateKeyPairSync, sign } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { accessToken } from './access-token.js'

const keys = {
  PS256: {
    ...generateKeyPairSync('rsa', { modulusLength: 2048 }),
    options: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 },
  },
  ES256: { ...generateKeyPairSync('ec', { namedCurve: 'P-256' }), options: { dsaEncoding: 'ieee-p1363' as const } },
}

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const [, alg = '', endpoint = ''] = (request.url ?? '').split('/')
  const issuer = `http://${request.headers.host}/${alg}`
  const chunks: Buffer[] = []
  request.on('data', chunk => chunks.push(chunk))
  request.on('end', () => {
    const form = new URLSearchParams(Buffer.concat(chunks).toString())
    answer(response, { endpoint, issuer, form, alg: alg === 'PS256' ? 'PS256' : 'ES256' })
  })
})

interface Asked {
  readonly endpoint: string
  readonly issuer: string
  readonly form: URLSearchParams
  readonly alg: keyof typeof keys
}

function answer(response: ServerResponse, asked: Asked): void {
  const { endpoint, form, alg } = asked
  if (endpoint === 'jwks') {
    const jwk = { ...keys[alg].publicKey.export({ format: 'jwk' }), kid: 'server', use: 'sig', alg }
    send(response, 200, { keys: [jwk] })
  } else if (endpoint === '.well-known') send(response, 200, metadata(asked))
  else if (endpoint === 'par') send(response, 201, { request_uri: `urn:bench:${form.get('nonce')}`, expires_in: 90 })
  else {
    const bearer = { access_token: accessToken, token_type: 'Bearer', expires_in: 3600 }
    send(response, 200, { ...bearer, refresh_token: 'a-refresh-token', id_token: idToken(asked) })
  }
}

/** What a client that discovers it wants to see. */
function metadata({ issuer, alg }: Asked): object {
  return {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [alg],
  }
}

function send(response: ServerResponse, status: number, content: object): void {
  const body = JSON.stringify(content)
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length }).end(body)
}

function idToken({ issuer, form, alg }: Asked): string {
  const now = Math.floor(Date.now() / 1000)
  const hash = createHash('sha256').update(accessToken).digest().subarray(0, 16).toString('base64url')
  const claims = { iss: issuer, sub: 'user', aud: 'bench', exp: now + 300, iat: now, auth_time: now, at_hash: hash }
  const parts = [
    { alg, kid: 'server' },
    { ...claims, nonce: form.get('code') },
  ]
  const input = parts.map(part => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  const { privateKey, options } = keys[alg]
  return `${input}.${sign('sha256', Buffer.from(input), { key: privateKey, ...options }).toString('base64url')}`
}

server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
process.on('disconnect', () => process.exit())
