/**
 * Every error the library can produce, every event and every object it hands out, printed in every usual way: none
 * shows a secret. What is planted has a mark of its own; a new error code without a case here fails the last test.
 */
import { generateKeyPairSync } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import * as grantkit from '../src/index.js'
import { attach, parseOrigins } from '../src/kit.js'
import { type Answer, answering, clientOf, endpoint, issuer, provider, responseOf } from './answering.js'
import { issue } from './fixtures/certificates.js'
import { listen } from './fixtures/servers.js'
import { begun, idTokenOf, query, redirectUri, signedAnswer } from './front-channel/login.js'

const {
  authorizationCode,
  clientCertificate,
  clientCredentials,
  clientSecretBasic,
  clientSecretJwt,
  clientSecretPost,
  createClient,
  createTokenSource,
  createTransport,
  createUserTokenSources,
  defineProvider,
  discoverMetadata,
  encodeJson,
  none,
  privateKeyJwt,
  refreshToken,
  requestTokenSet,
  tlsClientAuth,
} = grantkit

const secret = 'mkr-secret "&%\\ \u00f6'
const planted = {
  secret,
  refreshToken: 'mkr-refresh-token',
  accessToken: 'mkr-access-token',
  idToken: 'mkr-id-token',
  code: 'mkr-code+/=',
  codeVerifier: `mkr-verifier-${'v'.repeat(43)}`,
  passphrase: 'mkr-passphrase',
  query: 'key=mkr-query',
  header: 'mkr-cookie',
}
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
const jwk = privateKey.export({ format: 'jwk' })
const own = issue({ name: 'client' })
const base64 = (text: string) => Buffer.from(text).toString('base64')

/** What may be shown nowhere: the marks, the lines of keys, and the secret in what it is written in. */
const forbidden: readonly string[] = [
  'mkr',
  base64(`client-1:${secret}`).slice(0, 24),
  base64(`client-1:${new URLSearchParams({ '': secret }).toString().slice(1)}`).slice(0, 24),
  pem.split('\n')[1] as string,
  own.key.split('\n')[1] as string,
  String(jwk.d),
]

interface Produced {
  readonly name: string
  readonly value: unknown
  /** More that may not be shown, known afterwards only: assertions. */
  readonly sent?: readonly string[]
}

/** Everything a log could make of a value: printed, serialised, copied with what is not enumerable, and all its causes. */
function printed(value: unknown): string[] {
  const deep = { depth: Number.POSITIVE_INFINITY, showHidden: true, maxArrayLength: null, maxStringLength: null }
  const texts = [inspect(value, deep), inspect(value, { ...deep, customInspect: false }), String(value)]
  texts.push(JSON.stringify(value) ?? '')
  if (typeof value !== 'object' || value === null) return texts
  const members = Object.getOwnPropertyNames(value).map(name => [name, (value as Record<string, unknown>)[name]])
  texts.push(JSON.stringify(Object.fromEntries(members)), String((value as Error).stack))
  const { cause, errors = [] } = value as Error & { errors?: unknown[] }
  return [...texts, ...[cause ?? [], errors].flat().flatMap(printed)]
}

function leaks({ name, value, sent = [] }: Produced): string[] {
  const texts = printed(value)
  return [...forbidden, ...sent].filter(mark => texts.some(text => text.includes(mark))).map(mark => `${name}: ${mark}`)
}

function expectNoLeak(produced: readonly Produced[]): void {
  expect(produced.length).toBeGreaterThan(0)
  expect(produced.flatMap(leaks)).toEqual([])
}

async function thrown(name: string, run: () => unknown): Promise<Produced> {
  try {
    await run()
  } catch (value) {
    return { name, value }
  }
  throw new Error(`${name}: nothing was thrown`)
}

const methods = {
  basic: () => clientSecretBasic(secret),
  'raw basic': () => clientSecretBasic(async () => secret, { encoding: 'raw' }),
  post: () => clientSecretPost(secret),
  'secret jwt': () => clientSecretJwt(secret, { alg: 'HS256' }),
  'private key jwt': () => privateKeyJwt({ key: pem, alg: 'ES256' }),
}
const grants = {
  client_credentials: clientCredentials({ parameters: { otp: 'mkr-otp' } }),
  refresh_token: refreshToken({ refreshToken: planted.refreshToken }),
  authorization_code: authorizationCode({ code: planted.code, codeVerifier: planted.codeVerifier }),
}

const each = (text: string, write: (character: string) => string) => [...text].map(write).join('')
const lower = (text: string) => text.toLowerCase()

/** A server that repeats what it was told, in every shape and place. */
async function refusals(): Promise<Produced[]> {
  const shapes: Readonly<Record<string, (echo: string) => Answer>> = {
    description: echo => ({ status: 400, body: { error: 'invalid_client', error_description: `Got ${echo}` } }),
    error: echo => ({ status: 401, body: { error: echo } }),
    'error of a 200': echo => ({ body: { error: echo, access_token: planted.accessToken } }),
    list: echo => ({ status: 500, body: { errors: [{ code: echo, message: echo }] } }),
    xml: echo => ({ status: 401, body: `<f:fault><f:code>1</f:code><f:message>${echo}</f:message></f:fault>` }),
    text: echo => ({ status: 400, body: echo }),
    html: echo => ({ status: 500, body: `Got ${each(echo, one => `&#${one.codePointAt(0)};`)}` }),
    'lower-case percent': echo => ({ status: 502, body: `Got ${encodeURIComponent(echo).replace(/%../g, lower)}` }),
    'JSON in JSON': echo => ({ status: 400, body: { error: 'x', error_description: JSON.stringify({ a: echo }) } }),
    base64: echo => ({ status: 400, body: { error: 'x', error_description: `Got ${base64(echo)}` } }),
  }
  const wire: readonly (keyof grantkit.Conform | undefined)[] = [undefined, 'encodeRequest']
  const produced: Produced[] = []
  for (const [method, makeAuth] of Object.entries(methods))
    for (const [grantType, grant] of Object.entries(grants))
      for (const json of wire)
        for (const [shape, answer] of Object.entries(shapes))
          for (let part = 0, parts = 1; part < parts; part++) {
            let sent: string[] = []
            const transport: grantkit.Transport = async request => {
              const told = [...toldIn(request), ...(method === 'private key jwt' ? [] : [secret])]
              sent = told.filter(one => one.startsWith('eyJ')).flatMap(jwt => jwt.split('.').slice(1))
              parts = told.length
              return responseOf({ ...answer(told[part] as string), headers: { 'set-cookie': planted.header } })
            }
            const conform = json ? { encodeRequest: (parameters: grantkit.Parameters) => encodeJson(parameters) } : {}
            const client = clientOf(transport, { provider: provider(conform), auth: makeAuth() })
            const name = `${method}, ${grantType}, ${shape}, part ${part}`
            produced.push({ ...(await thrown(name, () => requestTokenSet(client, grant))), sent })
          }
  return produced
}

/** Tokens in an error, where nobody expects any: answers cut off by a proxy, forms, prose, a debugger's page. */
async function tokensInErrors(): Promise<Produced[]> {
  const { accessToken, refreshToken: held } = planted
  const bodies = [
    `{"access_token":"${accessToken}","token_type":"Bea`,
    `{"access_token":"${accessToken}`,
    `access_token=${accessToken}&refresh_token=${held}&token_type=bearer`,
    `Authorization: Bearer ${accessToken} is dead`,
    `refresh_token: ${held}`,
    `{&quot;refresh_token&quot;:&quot;${held}&quot;`,
    `The token '${held}' is dead`,
    `<fault><code>500</code><message>token=${held}</message></fault>`,
    { error: 'server_error', error_description: JSON.stringify({ access_token: accessToken, refresh_token: held }) },
    { message: `DPoP ${accessToken}` },
  ]
  return Promise.all(
    bodies.map((body, index) =>
      thrown(`body ${index}`, () =>
        requestTokenSet(clientOf(answering({ status: 500, body }).transport, {}), clientCredentials()),
      ),
    ),
  )
}

/** All that a server could repeat of a request: whole, in parts, decoded. */
function toldIn({ body, headers, url }: grantkit.TransportRequest): string[] {
  const text = String(body)
  const values = text.startsWith('{')
    ? Object.values<string>(JSON.parse(text))
    : [...new URLSearchParams(text).values()]
  const basic = headers.authorization?.slice(6) ?? ''
  const pair = Buffer.from(basic, 'base64').toString()
  return [text, ...values, values.map(encodeURIComponent).join(), basic, pair, `${url}?${planted.query}`]
}

/** No answer, or none that could be used, through the built-in transport and a foreign one. */
async function unanswered(): Promise<Produced[]> {
  const { port } = await listen(http.createServer((request, response) => answerBadly(request.url ?? '', response)))
  const tls = await listen(https.createServer({ cert: own.cert, key: own.key }, (_, response) => response.end('{}')))
  const ask = (name: string, url: string, options: Partial<grantkit.ClientOptions> = {}) =>
    thrown(name, async () => {
      const client = createClient({
        provider: provider({}, { token_endpoint: `${url}?${planted.query}` }),
        clientId: 'client-1',
        auth: clientSecretPost(secret),
        transport: { proxy: false, timeoutMs: 5_000, maxResponseBytes: 2_000 },
        ...options,
      })
      onTestFinished(() => client.close())
      return requestTokenSet(client, grants.refresh_token)
    })
  const http1 = `http://127.0.0.1:${port}`
  const hung = ask('no answer in time', `${http1}/hang`, { transport: { proxy: false, timeoutMs: 50 } })
  const closed = createTransport({ proxy: false })
  await closed.close()
  return Promise.all([
    hung,
    ask('nobody listens', 'http://127.0.0.1:1/token'),
    ask('reset', `${http1}/reset`),
    ask('too large', `${http1}/large`),
    ask('not what its encoding says', `${http1}/encoding`),
    ask('redirect', `${http1}/redirect`),
    ask('page', `${http1}/page`),
    ask('unknown CA', `https://127.0.0.1:${tls.port}/token`),
    ask('closed', `${http1}/page`, { transport: closed }),
    ask('proxy with credentials', 'https://as.example.com/token', {
      transport: { proxy: `http://user:mkr-password@127.0.0.1:${port}` },
    }),
    ask('not https', http1, {
      transport: request => createTransport()({ ...request, url: `http://a.example/?${planted.query}` }),
    }),
    ...[
      foreignError(),
      Object.assign(new AggregateError([foreignError()], secret), { cause: foreignError() }),
      secret,
    ].map(error => ask('foreign transport', endpoint, { transport: () => Promise.reject(error) })),
  ])
}

function answerBadly(url: string, response: http.ServerResponse): void {
  if (url.startsWith('/hang')) return
  if (url.startsWith('/reset')) response.socket?.destroy()
  if (url.startsWith('/large')) response.end('mkr-body '.repeat(1_000))
  if (url.startsWith('/encoding')) response.writeHead(200, { 'content-encoding': 'gzip' }).end('mkr-body')
  if (url.startsWith('/redirect')) response.writeHead(307, { location: '/?mkr-location' }).end('mkr-body')
  if (url.startsWith('/page')) response.writeHead(200, { 'set-cookie': planted.header }).end('<html>mkr-body')
}

/** As axios, got and fetch throw them: with the request, its headers and its body. */
function foreignError(): Error {
  const config = {
    headers: { authorization: `Basic ${base64(`client-1:${secret}`)}` },
    data: `client_secret=${secret}`,
  }
  const message = `connect ECONNREFUSED for https://a.example/x?${planted.query} with ${secret} and ${planted.refreshToken}`
  return Object.assign(new Error(message, { cause: new Error(secret) }), {
    name: 'AxiosError',
    code: 'ECONNREFUSED',
    config,
  })
}

/** Answers that are no token responses. */
async function malformed(): Promise<Produced[]> {
  const response = { access_token: planted.accessToken, token_type: 'Bearer', refresh_token: planted.refreshToken }
  const nested = provider({ mapTokenResponse: body => (body as { a: { b: unknown } }).a.b })
  const quoting = provider({ mapTokenResponse: body => JSON.parse(`mkr${JSON.stringify(body)}`) })
  const answers: readonly [Answer, grantkit.Provider?][] = [
    [{}],
    [{ body: '<html>mkr' }],
    [{ body: `{"access_token":"${planted.accessToken}"` }],
    [{ body: [response] }],
    [{ body: planted.accessToken }],
    [{ body: { ...response, access_token: 'mkr\r\nx: y' } }],
    [{ body: { ...response, access_token: { mkr: 'mkr' } } }],
    [{ body: { ...response, refresh_token: 'mkr\n' } }],
    [{ body: { ...response, id_token: ['mkr'] } }],
    [{ body: { ...response, token_type: 'mkr' } }],
    [{ body: { refresh_token: planted.refreshToken } }],
    [{ status: 302, headers: { location: `https://a.example/?${planted.query}` } }],
    [{ body: response }, nested],
    [{ body: response }, quoting],
  ]
  return Promise.all(
    answers.map(([answer, given = provider()], index) => {
      const client = clientOf(answering(answer).transport, { provider: given, clientSecret: secret })
      return thrown(`answer ${index}`, () => requestTokenSet(client, grants.client_credentials))
    }),
  )
}

/** Secret functions and signers that fail while they hold a secret. */
async function unauthenticated(): Promise<Produced[]> {
  const auths: readonly grantkit.ClientAuth[] = [
    clientSecretPost(() => Promise.reject(new Error('sealed'))),
    clientSecretPost((() => Buffer.from(secret)) as never),
    clientSecretBasic(() => `${secret}:`, { encoding: 'raw' }),
    privateKeyJwt({ key: () => Promise.reject(new Error('KMS')), alg: 'ES256' }),
    privateKeyJwt({ key: async () => Buffer.from(secret), alg: 'ES256' }),
    privateKeyJwt({ key: pem, alg: 'ES256', claims: () => ({ sub: secret }) }),
    privateKeyJwt({ key: pem, alg: 'ES256', audience: () => [secret] as never }),
  ]
  return Promise.all(
    auths.map((auth, index) =>
      thrown(`authentication ${index}`, () =>
        requestTokenSet(clientOf(answering().transport, { auth }), clientCredentials()),
      ),
    ),
  )
}

/** Grants that have a secret, and cannot get what they send; or get it, and hear it again from the server. */
async function ungranted(): Promise<Produced[]> {
  const grant = { grantType: 'urn:example:assertion', identity: { subject: 'alice' }, resend: 'always' } as const
  const assertion = { assertion: planted.secret, actor_token: planted.accessToken }
  const parameters: readonly grantkit.Grant['parameters'][] = [
    () => Promise.reject(new Error('KMS')),
    () => [planted.secret] as never,
    () => planted.secret as never,
    () => assertion,
  ]
  const echo = { error: 'invalid_request', error_description: Object.values(assertion).join(' or ') }
  return Promise.all(
    parameters.map((read, index) => {
      const client = clientOf(answering({ status: 400, body: echo }).transport, { clientSecret: secret })
      return thrown(`grant ${index}`, () => requestTokenSet(client, { ...grant, parameters: read }))
    }),
  )
}

/** Answers of logins that are refused, by servers that repeat all they know; and requests that cannot be signed. */
async function logins(): Promise<Produced[]> {
  const refused = async (name: string, options: object, answer: (known: Known) => string | Promise<string>) => {
    const { client, transaction } = await begun({ scope: 'openid', ...options })
    const { state, nonce = '', codeVerifier } = transaction
    const sent = [state, nonce, codeVerifier]
    const known = { ...transaction, all: [planted.code, ...sent].join(' and ') }
    const read = async () => grantkit.readAuthorizationResponse(client, transaction, await answer(known))
    return { ...(await thrown(name, read)), sent }
  }
  const by = (more: (known: Known) => Record<string, string>) => (known: Known) =>
    `${redirectUri}?${query({ code: planted.code, state: known.state, ...more(known) })}`
  const hybrid = { responseType: 'code id_token' }
  const unsigned = {
    requestObject: { signer: grantkit.signer({ key: () => Promise.reject(new Error('KMS')), alg: 'ES256' }) },
  }
  return Promise.all([
    refused(
      'a refusal',
      {},
      by(({ all }) => ({ error: 'access_denied', error_description: all })),
    ),
    refused(
      'an odd refusal',
      {},
      by(({ all }) => ({ error: all })),
    ),
    refused(
      'a refusal in one word',
      {},
      by(({ codeVerifier }) => ({ error: codeVerifier })),
    ),
    refused(
      'another issuer',
      {},
      by(({ all }) => ({ iss: all })),
    ),
    refused(
      'another state',
      {},
      by(({ codeVerifier }) => ({ state: codeVerifier })),
    ),
    refused('another place', {}, ({ all }) => `https://app.example/${query({ all })}?${query({ code: planted.code })}`),
    refused(
      'a token',
      {},
      by(({ all }) => ({ access_token: all })),
    ),
    refused('a signed answer of another', { responseMode: 'jwt' }, async known => {
      return `${redirectUri}?response=${await signedAnswer(known, { iss: known.all, code: planted.code })}`
    }),
    refused('an ID token of another', hybrid, async known => {
      const id_token = await idTokenOf(known, { sub: [known.all], aud: known.all })
      return `${redirectUri}#${query({ code: planted.code, state: known.state, id_token })}`
    }),
    thrown('a request that cannot be signed', () => begun(unsigned)),
  ])
}

type Known = grantkit.AuthorizationTransaction & { readonly all: string }

/** Wrong options, with a secret in each. */
async function wrongOptions(): Promise<Produced[]> {
  const encrypted = privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'right' })
  const { cert } = issue({ name: 'mkr-common-name' })
  const url = `https://user:mkr-password@as.example.com/token?${planted.query}#mkr`
  const client = clientOf(answering().transport, { clientSecret: secret })
  const wrong: (() => unknown)[] = [
    () => clientOf(answering().transport, { clientSecret: secret, auth: none() }),
    () => clientOf(answering().transport, { clientSecret: { secret } as never }),
    () =>
      clientOf(answering().transport, {
        clientSecret: secret,
        provider: provider({ basicCredentials: 'raw' }),
        clientId: ':',
      }),
    () => createClient({ provider: provider(), clientId: 'a', clientSecret: secret, secret } as never),
    () => createClient({ provider: provider({ requiresCertificate: true }), clientId: 'a', clientSecret: secret }),
    () => createClient({ provider: provider(), clientId: 'a', auth: tlsClientAuth() }),
    () => createClient({ provider: provider(), clientId: 'a', transport: { proxy: 'ftp://user:mkr-password@proxy' } }),
    () => createClient({ provider: provider(), clientId: 'a', tls: { ca: 'mkr' } }),
    () => clientSecretBasic(secret, { encoding: secret as never }),
    () => clientSecretJwt(secret, { alg: secret as never }),
    () => privateKeyJwt({ key: pem, alg: 'PS256' }),
    () => privateKeyJwt({ key: pem.replace('MI', 'mkr'), alg: 'ES256' }),
    () => privateKeyJwt({ key: secret, alg: 'ES256' }),
    () => privateKeyJwt({ key: encrypted as string, alg: 'ES256' }),
    () => privateKeyJwt({ key: encrypted as string, alg: 'ES256', passphrase: planted.passphrase }),
    () => privateKeyJwt({ key: { ...jwk, x: 'mkr' }, alg: 'ES256' }),
    () => privateKeyJwt({ key: { kty: 'oct', k: secret }, alg: 'ES256' }),
    () => privateKeyJwt({ key: pem, alg: 'ES256', claims: { sub: secret } }),
    () => privateKeyJwt({ key: pem, alg: 'ES256', header: { kid: secret } }),
    () => privateKeyJwt({ key: pem, alg: 'ES256', lifetimeSeconds: secret as never }),
    () => clientCertificate({ cert, key: pem, passphrase: planted.passphrase }),
    () => clientCertificate({ cert, key: own.key.replace('MI', 'mkr') }),
    () => clientCertificate({ cert: `${own.cert.slice(0, 60)}mkr`, key: own.key }),
    () => clientCertificate({ pfx: Buffer.from(secret), passphrase: planted.passphrase }),
    () => defineProvider({ name: 'a', metadata: { issuer, token_endpoint: url } }),
    () => defineProvider({ name: 'a', metadata: { issuer, token_endpoint: `http://a.example/?${planted.query}` } }),
    () => clientCredentials({ parameters: { client_secret: secret } }),
    () => clientCredentials({ scope: { secret } as never }),
    () => authorizationCode({ code: planted.code, codeVerifier: 'mkr' }),
    () => refreshToken({ refreshToken: { secret } as never }),
    () => createTokenSource({ client, grant: grants.refresh_token }),
    () => createTokenSource({ client, grant: clientCredentials(), origins: [url] }),
    () =>
      createUserTokenSources({ client })
        .for('alice')
        .import({ refreshTokn: planted.refreshToken } as never),
    () =>
      createUserTokenSources({ client })
        .for('alice')
        .import({ accessToken: { secret } as never }),
  ]
  return Promise.all(wrong.map((run, index) => thrown(`option ${index}: ${run}`.replaceAll('mkr', '…'), run)))
}

/** What a token source refuses, and what it passes on. */
async function refusedBySources(): Promise<Produced[]> {
  const dead: Answer = { status: 400, body: { error: 'invalid_grant', error_description: planted.refreshToken } }
  const client = clientOf(answering(dead).transport, { clientSecret: secret })
  const origins = ['https://api.example.com']
  const sources = createUserTokenSources({ client, origins })
  const alice = sources.for('alice')
  await alice.import({ refreshToken: planted.refreshToken })
  const closed = createTokenSource({ client, grant: grants.client_credentials })
  await closed.close()
  const document = (metadata: object) => answering({ body: { issuer, ...metadata } }).transport
  return [
    await thrown('dead refresh token', () => alice.getTokenSet()),
    await thrown('no refresh token', () => sources.for('bob').getTokenSet()),
    await thrown('closed source', () => closed.getTokenSet()),
    await thrown('foreign origin', () => alice.headersFor('GET', `https://mkr:mkr@evil.example/mkr?${planted.query}`)),
    await thrown('no URL', () => alice.headersFor('GET', `mkr ${secret}`)),
    await thrown('discovery', () =>
      discoverMetadata({ issuer, transport: document({ token_endpoint: `http://mkr.example/?${planted.query}` }) }),
    ),
    await thrown('discovery of another', () =>
      discoverMetadata({ issuer, transport: document({ issuer: `https://other.example/?${planted.query}` }) }),
    ),
  ]
}

/** Stores that fail, with the record in what they throw; or that hold what they should not. */
async function failingStores(): Promise<Produced[]> {
  const tokens = { access_token: planted.accessToken, token_type: 'Bearer', refresh_token: planted.refreshToken }
  const client = clientOf(answering({ body: tokens }).transport, { clientSecret: secret })
  const failing = (operation: 'get' | 'compareAndSet' | 'lease'): grantkit.TokenStore => {
    const store = { ...grantkit.memoryStore(), secrecy: 'elsewhere' as const }
    const fail = async (...command: unknown[]) => {
      const written = operation === 'compareAndSet' ? `, with args beginning with ${JSON.stringify(command)}` : ''
      throw Object.assign(new Error(`ERR refused${written}`), { command: [...command, secret] })
    }
    return { ...store, [operation]: fail }
  }
  const holding = (value: string): grantkit.TokenStore => ({
    ...grantkit.memoryStore(),
    secrecy: 'elsewhere',
    get: async () => ({ version: '1', value }),
  })
  const user = (store: grantkit.TokenStore) => createUserTokenSources({ client, store }).for('alice')
  const keys = [{ id: 'k1', key: Buffer.alloc(32, 7) }]
  return [
    ...(await Promise.all(
      (['get', 'compareAndSet', 'lease'] as const).map(operation =>
        thrown(operation, async () => {
          await user(failing(operation)).import({ refreshToken: planted.refreshToken })
          await user(failing(operation)).getTokenSet()
        }),
      ),
    )),
    await thrown('no record', () =>
      user(holding(`{"refreshToken":"${planted.refreshToken}"`)).import({ accessToken: 'a' }),
    ),
    await thrown('not sealed', () =>
      user(grantkit.sealedStore(holding(planted.refreshToken), { keys })).import({ accessToken: 'a' }),
    ),
    await thrown('in the clear', () => user({ ...failing('get'), secrecy: undefined })),
  ]
}

const areas = {
  failingStores,
  refusals,
  tokensInErrors,
  unanswered,
  malformed,
  unauthenticated,
  ungranted,
  logins,
  wrongOptions,
  refusedBySources,
}

for (const [name, provoke] of Object.entries(areas))
  test(`no error shows a secret: ${name.replace(/[A-Z]/g, letter => ` ${letter.toLowerCase()}`)}`, async () => {
    expectNoLeak(await provoke())
  })

test('no event shows a secret', async () => {
  const events: grantkit.GrantKitEvent[] = []
  const tokens = { access_token: planted.accessToken, token_type: 'Bearer', refresh_token: planted.refreshToken }
  const answers: Answer[] = [{ body: tokens }, { status: 401, body: { error: secret } }]
  const { transport } = answering(...answers)
  const client = clientOf(transport, { clientSecret: secret, onEvent: event => void events.push(event) })
  const origins = ['https://api.example.com']
  const source = createTokenSource({ client, grant: grants.client_credentials, origins })
  const attached = await attach(source, parseOrigins(origins), {
    method: 'GET',
    url: `https://api.example.com/mkr?${planted.query}`,
  })
  const wwwAuthenticate = 'Bearer error="invalid_token", error_description="mkr"'
  await thrown('replay', () => attached.replay({ status: 401, wwwAuthenticate, body: async () => 'mkr' }, true))
  const types = ['token_requested', 'token_received', 'token_awaited', 'token_requested', 'token_request_failed']
  expect(events.map(({ type }) => type)).toEqual([...types, 'token_awaited'])
  expectNoLeak(events.map(value => ({ name: value.type, value })))
})

test('no object handed out shows a secret', async () => {
  const certificate = clientCertificate({ cert: own.cert, key: own.key })
  const tokens = { access_token: planted.accessToken, token_type: 'Bearer', refresh_token: planted.refreshToken }
  const body = { ...tokens, id_token: planted.idToken, expires_in: 60 }
  const auths = [...Object.values(methods).map(make => make()), clientSecretPost(() => secret), none(), tlsClientAuth()]
  const clients = auths.map(auth =>
    createClient({ provider: provider(), clientId: 'client-1', auth, tls: { certificate } }),
  )
  const client = clientOf(answering({ body }, { body }).transport, { clientSecret: secret })
  const source = createTokenSource({ client, grant: grants.client_credentials })
  const users = createUserTokenSources({ client })
  const alice = users.for('alice')
  const tokenSet = await alice.redeem(grants.authorization_code)
  await source.getTokenSet()
  const key = grantkit.signer({ key: pem, alg: 'ES256' })
  const transport = createTransport({ proxy: `http://user:mkr-password@proxy.example`, certificate })
  const dpop = grantkit.dpopKey({ key: pem })
  const keyed = clientOf(answering().transport, { dpop, decryptionKeys: [{ key: jwk }], clientSecret: secret })
  const login = await begun({ scope: 'openid' })
  const answer = `${redirectUri}?${query({ code: planted.code, state: login.transaction.state })}`
  const grant = await grantkit.readAuthorizationResponse(login.client, login.transaction, answer)
  const objects = {
    tokenSet,
    source,
    users,
    alice,
    certificate,
    key,
    dpop,
    keyed,
    grant,
    transport,
    provider: provider(),
    ...auths,
    clients,
    client,
  }
  expect(tokenSet.refreshToken).toBe(planted.refreshToken)
  expectNoLeak(Object.entries(objects).map(([name, value]) => ({ name, value })))
  expectNoLeak([{ name: 'all', value: { deep: { objects } } }])
})

test('a secret that is shown is found, wherever it stands', () => {
  const hidden = Object.defineProperty(new Error('x'), 'request', { value: { body: 'mkr' } })
  const places = [
    new Error('mkr'),
    new Error('x', { cause: new Error('y', { cause: { token: 'mkr' } }) }),
    Object.assign(new Error('x'), { config: { headers: ['mkr'] } }),
    Object.assign(new Error('x'), { stack: 'mkr' }),
    new AggregateError([new Error('mkr')]),
    hidden,
    { toJSON: () => 'mkr' },
    { [Symbol('x')]: new Map([['a', 'mkr']]) },
  ]
  for (const value of places) expect(leaks({ name: 'place', value })).toEqual(['place: mkr'])
})

test('every code an error of this library can have was provoked', async () => {
  const provoked = await Promise.all(Object.values(areas).map(provoke => provoke()))
  const codes = new Set(provoked.flat().map(({ value }) => (value as { code?: string }).code))
  const folder = join(import.meta.dirname, '../src')
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.ts'))
  const sources = files.map(name => readFileSync(join(folder, name), 'utf8')).join('\n')
  const named = [...sources.matchAll(/'(ERR_(?!TLS_|SSL_|SOCKET_|BUFFER_|UNKNOWN)\w+)'/g)].map(([, code]) => code)
  expect([...codes].sort()).toEqual([...new Set(named)].sort())
})
