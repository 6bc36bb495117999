/** Logins at an authorization server we did not write: oidc-provider, on loopback. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ClientMetadata } from 'oidc-provider'
import { afterAll, describe, expect, test } from 'vitest'
import {
  type AuthorizationRequestOptions,
  type Client,
  type ClientOptions,
  clientSecretBasic,
  createAuthorizationRequest,
  createClient,
  createUserTokenSources,
  defineProvider,
  discoverMetadata,
  privateKeyJwt,
  readAuthorizationResponse,
  requestTokenSet,
  signer,
} from '../../src/index.js'
import { failure } from '../answering.js'
import { browse } from '../browser.js'
import { startOidcServer } from '../oidc-server.js'

const redirectUri = 'https://app.example/callback'
const ps256 = generateKeyPairSync('rsa', { modulusLength: 2048 })
const es256 = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const toEncrypt = generateKeyPairSync('rsa', { modulusLength: 2048 })
const toServer = generateKeyPairSync('rsa', { modulusLength: 2048 })
const jwk = (key: KeyObject, members: object) => ({ ...key.export({ format: 'jwk' }), ...members })

const registered = (members: Partial<ClientMetadata> & { client_id: string }): ClientMetadata => ({
  redirect_uris: [redirectUri],
  grant_types: ['authorization_code', 'refresh_token', 'implicit'],
  response_types: ['code', 'code id_token'],
  id_token_signed_response_alg: 'ES256',
  authorization_signed_response_alg: 'ES256',
  token_endpoint_auth_method: 'private_key_jwt',
  jwks: {
    keys: [
      jwk(ps256.publicKey, { kid: 'rsa-1', use: 'sig', alg: 'PS256' }),
      jwk(toEncrypt.publicKey, { kid: 'enc-1', use: 'enc', alg: 'RSA-OAEP' }),
    ] as never,
  },
  ...members,
})

const clients = [
  registered({ client_id: 'key', request_object_signing_alg: 'PS256' }),
  registered({
    client_id: 'sealing',
    request_object_signing_alg: 'PS256',
    request_object_encryption_alg: 'RSA-OAEP-256',
    request_object_encryption_enc: 'A256GCM',
  }),
  registered({ client_id: 'pushing', require_pushed_authorization_requests: true }),
  registered({
    client_id: 'secret',
    client_secret: 'a secret of 32 bytes or more, at least',
    token_endpoint_auth_method: 'client_secret_basic',
    jwks: undefined as never,
  }),
  registered({
    client_id: 'encrypted',
    authorization_encrypted_response_alg: 'RSA-OAEP',
    authorization_encrypted_response_enc: 'A256GCM',
    id_token_encrypted_response_alg: 'RSA-OAEP',
    id_token_encrypted_response_enc: 'A256GCM',
  }),
]

const { oidc, issuer, stop } = await startOidcServer(
  {
    clients,
    scopes: ['openid', 'offline_access', 'accounts'],
    responseTypes: ['code', 'code id_token'],
    acrValues: ['urn:sca'],
    claims: { openid: ['sub'], acr: null, auth_time: null, openbanking_intent_id: null },
    features: {
      claimsParameter: { enabled: true },
      encryption: { enabled: true },
      jwtResponseModes: { enabled: true },
      pushedAuthorizationRequests: { enabled: true },
      requestObjects: { enabled: true },
    },
    enabledJWA: { requestObjectSigningAlgValues: ['PS256', 'ES256'] },
    jwks: {
      keys: [
        jwk(es256.privateKey, { kid: 'server', alg: 'ES256', use: 'sig' }),
        jwk(toServer.privateKey, { kid: 'to-server', use: 'enc' }),
      ] as never,
    },
    findAccount: (_, accountId) => ({
      accountId,
      claims: () => ({ sub: accountId, openbanking_intent_id: 'c-123' }),
    }),
    interactions: { url: () => '/interaction' },
    pkce: { required: () => true },
    ttl: { AccessToken: 600, RefreshToken: 86_400, Grant: 86_400, IdToken: 600, Interaction: 600, Session: 600 },
  },
  server => server.use(({ path, req, res }, next) => (path.startsWith('/interaction') ? decide(req, res) : next())),
)
afterAll(stop)

/** The user logs in as `ann` and agrees; with `login_hint=nobody` no is said. */
async function decide(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { params } = await oidc.interactionDetails(request, response)
  if (params.login_hint === 'nobody') {
    const refusal = { error: 'access_denied', error_description: 'the user said no' }
    return oidc.interactionFinished(request, response, refusal, { mergeWithLastSubmission: false })
  }
  const grant = new oidc.Grant({ clientId: String(params.client_id), accountId: 'ann' })
  grant.addOIDCScope('openid offline_access accounts')
  grant.addOIDCClaims(['openbanking_intent_id', 'acr', 'auth_time'])
  const result = { login: { accountId: 'ann', acr: 'urn:sca' }, consent: { grantId: await grant.save() } }
  return oidc.interactionFinished(request, response, result, { mergeWithLastSubmission: false })
}

const byKey = () => privateKeyJwt({ key: ps256.privateKey, alg: 'PS256', kid: 'rsa-1' })
const requestObject = { signer: signer({ key: ps256.privateKey, alg: 'PS256', kid: 'rsa-1' }) }

async function clientOf(clientId: string, options: Partial<ClientOptions> = {}): Promise<Client> {
  const provider = defineProvider({ name: 'oidc', metadata: await discoverMetadata({ issuer }) })
  return createClient({
    provider,
    clientId,
    metadata: { id_token_signed_response_alg: 'ES256', authorization_signed_response_alg: 'ES256' },
    ...(options.auth === undefined && { auth: byKey() }),
    ...options,
  })
}

/** From the request to the tokens. */
async function login(client: Client, options: Partial<AuthorizationRequestOptions> = {}) {
  const { url, transaction } = await createAuthorizationRequest(client, {
    redirectUri,
    scope: 'openid accounts',
    ...options,
  })
  const answer = await browse(url, redirectUri)
  const grant = await readAuthorizationResponse(client, JSON.parse(JSON.stringify(transaction)), answer)
  return { tokenSet: await requestTokenSet(client, grant), url, answer, transaction }
}

const hybrid = { responseType: 'code id_token' } as const

describe('a user logs in', () => {
  const ways: Record<string, Partial<AuthorizationRequestOptions>> = {
    'by code': {},
    'by code, with a form post': { responseMode: 'form_post' },
    'by code, in a fragment': { responseMode: 'fragment' },
    'with a pushed request': { pushed: true },
    'with a signed request': { requestObject },
    'with a signed request that is pushed': { requestObject, pushed: true },
    'by the hybrid flow': hybrid,
    'by the hybrid flow, with a form post': { ...hybrid, responseMode: 'form_post' },
    'by the hybrid flow, with a signed request that is pushed': { ...hybrid, requestObject, pushed: true },
    'with a signed answer': { responseMode: 'jwt' },
    'with a signed answer, in a fragment': { responseMode: 'fragment.jwt' },
    'with a signed answer, posted': { responseMode: 'form_post.jwt' },
    'by the hybrid flow, with a signed answer': { ...hybrid, responseMode: 'jwt' },
    'with everything signed and pushed': { responseMode: 'jwt', requestObject, pushed: true },
  }
  for (const [name, options] of Object.entries(ways))
    test(name, async () => {
      const client = await clientOf('key')
      const { tokenSet, transaction } = await login(client, options)
      expect(tokenSet.idTokenClaims).toMatchObject({ sub: 'ann', aud: 'key', nonce: transaction.nonce })
      expect((await oidc.AccessToken.find(tokenSet.accessToken))?.accountId).toBe('ann')
      await client.close()
    })

  test('where the client is registered to push', async () => {
    const client = await clientOf('pushing', {
      metadata: { id_token_signed_response_alg: 'ES256', require_pushed_authorization_requests: true },
    })
    const { url } = await login(client)
    expect([...new URL(url).searchParams.keys()]).toEqual(['client_id', 'request_uri'])
    await client.close()
  })

  test.each([true, false])('with a signed request that is encrypted to the server (pushed: %s)', async pushed => {
    const client = await clientOf('sealing', {
      metadata: {
        id_token_signed_response_alg: 'ES256',
        request_object_encryption_alg: 'RSA-OAEP-256',
        request_object_encryption_enc: 'A256GCM',
      },
    })
    const { tokenSet, url } = await login(client, { requestObject, pushed })
    expect(tokenSet.idTokenClaims).toMatchObject({ sub: 'ann', aud: 'sealing' })
    if (!pushed) expect(new URL(url).searchParams.get('request')?.split('.')).toHaveLength(5)
    await client.close()
  })

  test('with Basic credentials, and is renewed by the refresh token', async () => {
    const client = await clientOf('secret', { auth: clientSecretBasic('a secret of 32 bytes or more, at least') })
    const { url, transaction } = await createAuthorizationRequest(client, {
      redirectUri,
      scope: 'openid offline_access',
      prompt: 'consent',
      pushed: true,
    })
    const grant = await readAuthorizationResponse(client, transaction, await browse(url, redirectUri))
    const user = createUserTokenSources({ client }).for('ann')
    const first = await user.redeem(grant)
    expect(first.idTokenClaims).toMatchObject({ sub: 'ann', nonce: transaction.nonce })
    const second = await user.getTokenSet({ force: true })
    expect(second.accessToken).not.toBe(first.accessToken)
    await client.close()
  })

  test('with an answer and ID tokens that are encrypted', async () => {
    const client = await clientOf('encrypted', {
      metadata: {
        id_token_signed_response_alg: 'ES256',
        id_token_encrypted_response_alg: 'RSA-OAEP',
        id_token_encrypted_response_enc: 'A256GCM',
        authorization_signed_response_alg: 'ES256',
        authorization_encrypted_response_alg: 'RSA-OAEP',
        authorization_encrypted_response_enc: 'A256GCM',
      },
      decryptionKeys: [{ key: toEncrypt.privateKey, kid: 'enc-1' }],
    })
    const { tokenSet, answer } = await login(client, { responseMode: 'query.jwt' })
    expect(new URL(String(answer)).searchParams.get('response')?.split('.')).toHaveLength(5)
    expect(tokenSet.idTokenClaims?.sub).toBe('ann')
    await client.close()
  })

  test('about a consent, with the authentication that was essential', async () => {
    const client = await clientOf('key')
    const options = {
      ...hybrid,
      requestObject,
      openbankingIntentId: 'c-123',
      essentialAcr: 'urn:sca',
      maxAgeSeconds: 60,
    }
    const { tokenSet } = await login(client, options)
    expect(tokenSet.idTokenClaims).toMatchObject({ openbanking_intent_id: 'c-123', acr: 'urn:sca' })
    await client.close()
  })
})

describe('a user does not log in', () => {
  const refused = async (options: Partial<AuthorizationRequestOptions>) => {
    const client = await clientOf('key')
    return failure(login(client, options).finally(() => client.close()))
  }

  test.each([
    ['denied', { loginHint: 'nobody' }],
    ['denied', { loginHint: 'nobody', responseMode: 'jwt' }],
    ['denied', { loginHint: 'nobody', ...hybrid }],
    ['interaction_required', { prompt: 'none' }],
  ] as const)('%s: %o', async (kind, options) => {
    expect(await refused(options)).toMatchObject({ code: 'ERR_AUTHORIZATION_REFUSED', kind })
  })

  test('a pushed request that is refused never reaches the browser', async () => {
    expect(await refused({ pushed: true, redirectUri: 'https://other.example/cb' })).toMatchObject({
      code: 'ERR_SERVER_REFUSED',
      error: 'invalid_request',
    })
  })

  test('with a code that somebody else has used', async () => {
    const client = await clientOf('key')
    const { url, transaction } = await createAuthorizationRequest(client, { redirectUri, scope: 'openid' })
    const grant = await readAuthorizationResponse(client, transaction, await browse(url, redirectUri))
    await requestTokenSet(client, grant)
    expect(await failure(requestTokenSet(client, grant))).toMatchObject({ error: 'invalid_grant' })
    await client.close()
  })

  test('with the answer of another login', async () => {
    const client = await clientOf('key')
    const [one, other] = await Promise.all(
      [0, 1].map(() => createAuthorizationRequest(client, { redirectUri, scope: 'openid' })),
    )
    const answer = await browse(one?.url ?? '', redirectUri)
    expect(await failure(readAuthorizationResponse(client, other?.transaction as never, answer))).toMatchObject({
      check: 'state',
    })
    await client.close()
  })
})
