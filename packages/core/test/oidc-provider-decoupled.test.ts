/** Device code, CIBA, token exchange and back-channel logout against an authorization server we did not write: oidc-provider, on loopback. */
import { generateKeyPairSync } from 'node:crypto'
import type { ClientMetadata, KoaContextWithOIDC } from 'oidc-provider'
import { afterAll, describe, expect, test } from 'vitest'
import {
  ciba,
  clientCredentials,
  createClient,
  createTokenSource,
  createUserTokenSources,
  defineProvider,
  deviceCode,
  discoverMetadata,
  privateKeyJwt,
  readLogoutToken,
  readPingNotification,
  requestBackchannelAuthentication,
  requestDeviceAuthorization,
  requestTokenSet,
  signer,
  tokenExchange,
} from '../src/index.js'
import { failure } from './answering.js'
import { consentTo, startOidcServer } from './oidc-server.js'

const exchangeType = 'urn:ietf:params:oauth:grant-type:token-exchange'
const clientKey = generateKeyPairSync('rsa', { modulusLength: 2048 })
const registered = {
  client_id: 'app',
  redirect_uris: ['https://app.example/callback'],
  grant_types: [
    'authorization_code',
    'refresh_token',
    'client_credentials',
    'urn:ietf:params:oauth:grant-type:device_code',
    'urn:openid:params:grant-type:ciba',
    exchangeType,
  ],
  token_endpoint_auth_method: 'private_key_jwt',
  jwks: { keys: [{ ...clientKey.publicKey.export({ format: 'jwk' }), kid: 'app-1', use: 'sig' }] },
  backchannel_token_delivery_mode: 'poll',
  backchannel_authentication_request_signing_alg: 'PS256',
} as unknown as ClientMetadata

const pinged = {
  ...registered,
  client_id: 'pinged',
  backchannel_token_delivery_mode: 'ping',
  backchannel_client_notification_endpoint: 'https://app.example/ping',
  backchannel_logout_uri: 'https://app.example/logout',
  backchannel_logout_session_required: true,
} as unknown as ClientMetadata

/** What the server has sent to the app, instead of over the network. */
const received: { readonly url: string; readonly headers: Headers; readonly body: string }[] = []

const { oidc, issuer, stop } = await startOidcServer({
  clients: [registered, pinged],
  fetch: async (url, options) => {
    received.push({ url: String(url), headers: new Headers(options?.headers), body: String(options?.body) })
    return new Response(null, { status: 204 })
  },
  scopes: ['openid', 'offline_access', 'accounts'],
  features: {
    backchannelLogout: { enabled: true },
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true },
    requestObjects: { enabled: true },
    ciba: {
      enabled: true,
      deliveryModes: ['poll', 'ping'],
      triggerAuthenticationDevice: async () => {},
      validateBindingMessage: async () => {},
      validateRequestContext: async () => {},
      verifyUserCode: async () => {},
      processLoginHint: async (_, loginHint) => loginHint,
    },
  },
  enabledJWA: { requestObjectSigningAlgValues: ['PS256', 'ES256'], clientAuthSigningAlgValues: ['PS256'] },
})
oidc.registerGrantType(exchangeType, exchange, ['subject_token', 'subject_token_type', 'scope'])
afterAll(stop)

/** RFC 8693 §2.2 for client tokens: oidc-provider leaves the grant to whoever runs it. */
async function exchange(ctx: KoaContextWithOIDC): Promise<void> {
  const { client } = ctx.oidc
  const params: Readonly<Record<string, unknown>> = ctx.oidc.params ?? {}
  const held = await oidc.ClientCredentials.find(String(params.subject_token))
  if (held === undefined) {
    ctx.status = 400
    ctx.body = { error: 'invalid_request', error_description: 'the subject token is dead' }
    return
  }
  const token = new oidc.ClientCredentials({ client: client as never, scope: String(params.scope) } as never)
  ctx.body = {
    access_token: await token.save(),
    issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    token_type: 'Bearer',
    expires_in: token.expiration,
    scope: token.scope,
  }
}

async function clientOf(clientId = 'app', members: object = {}) {
  const provider = defineProvider({ name: 'oidc', metadata: await discoverMetadata({ issuer }) })
  return createClient({
    provider,
    clientId,
    auth: privateKeyJwt({ key: clientKey.privateKey, alg: 'PS256', kid: 'app-1' }),
    metadata: {
      id_token_signed_response_alg: 'ES256',
      backchannel_authentication_request_signing_alg: 'PS256',
      ...members,
    },
  })
}

const granted = (accountId: string, clientId = 'app') =>
  consentTo(oidc, { clientId, accountId, scope: 'openid offline_access accounts' })

/** Nobody sleeps: what the user does happens instead of the first wait. */
const afterTwoPolls = (userDoes: () => Promise<void>) => {
  let waits = 0
  return async () => {
    if (++waits === 2) await userDoes()
  }
}

describe('device code', () => {
  /** What the page would do with the code that the user types. */
  async function answerDevice(userCode: string, members: object) {
    const code = await oidc.DeviceCode.findByUserCode(userCode.replace(/\W/g, ''))
    await Object.assign(code as object as { save(): Promise<string> }, members).save()
  }

  test('is waited for until the user has agreed; the tokens are kept, renewed, and their ID token checked', async () => {
    const client = await clientOf()
    const user = createUserTokenSources({ client }).for('alice')
    const authorization = await requestDeviceAuthorization(client, { scope: 'openid offline_access accounts' })
    const agree = async () => {
      const grantId = await granted('alice')
      const authTime = Math.floor(Date.now() / 1000)
      const scope = 'openid offline_access accounts'
      await answerDevice(authorization.userCode, { accountId: 'alice', grantId, authTime, scope })
    }
    const tokenSet = await user.redeem(deviceCode(authorization, { wait: afterTwoPolls(agree) }))
    expect((await oidc.AccessToken.find(tokenSet.accessToken))?.accountId).toBe('alice')
    expect((await user.getTokenSet({ force: true })).accessToken).not.toBe(tokenSet.accessToken)
    await client.close()
  })

  test('ends when the user says no', async () => {
    const client = await clientOf()
    const authorization = await requestDeviceAuthorization(client, { scope: 'openid' })
    const refuse = () => answerDevice(authorization.userCode, { error: 'access_denied', errorDescription: 'no' })
    const user = createUserTokenSources({ client }).for('bob')
    const redeemed = user.redeem(deviceCode(authorization, { wait: afterTwoPolls(refuse) }))
    expect(await failure(redeemed)).toMatchObject({ error: 'access_denied', kind: 'denied' })
    await client.close()
  })
})

describe('CIBA in poll mode', () => {
  const ps256 = signer({ key: clientKey.privateKey, alg: 'PS256', kid: 'app-1' })
  const ask = async () => {
    const client = await clientOf()
    const options = {
      loginHint: 'carol',
      scope: 'openid offline_access accounts',
      bindingMessage: 'W4SCT',
      signer: ps256,
    }
    return { client, authentication: await requestBackchannelAuthentication(client, options) }
  }

  test('with a signed request brings the tokens once the user has agreed', async () => {
    const { client, authentication } = await ask()
    const agree = async () => oidc.backchannelResult(authentication.authReqId, await granted('carol'))
    const user = createUserTokenSources({ client }).for('carol')
    const tokenSet = await user.redeem(ciba(authentication, { wait: afterTwoPolls(agree) }))
    expect((await oidc.AccessToken.find(tokenSet.accessToken))?.accountId).toBe('carol')
    expect((await user.getTokenSet({ force: true })).refreshToken).toBeDefined()
    await client.close()
  })

  test('a request that is not signed as registered goes nowhere', async () => {
    const client = await clientOf()
    expect(await failure(requestBackchannelAuthentication(client, { loginHint: 'carol' }))).toMatchObject({
      option: 'signer',
    })
    await client.close()
  })
})

test('CIBA in ping mode asks once the server has said that the user agreed', async () => {
  const client = await clientOf('pinged', { backchannel_token_delivery_mode: 'ping' })
  const authentication = await requestBackchannelAuthentication(client, {
    loginHint: 'carol',
    signer: signer({ key: clientKey.privateKey, alg: 'PS256', kid: 'app-1' }),
  })
  await oidc.backchannelResult(authentication.authReqId, await granted('carol', 'pinged'))
  const { url, headers, body } = received.at(-1) as (typeof received)[number]
  expect(url).toBe('https://app.example/ping')
  const wait = () => Promise.reject(new Error('waited'))
  const find = (id: string) => (id === authentication.authReqId ? authentication : undefined)
  const notification = { authorization: headers.get('authorization'), body }
  const grant = await readPingNotification(client, find, notification, { wait })
  expect((await requestTokenSet(client, grant)).idTokenClaims).toMatchObject({ sub: 'carol', aud: 'pinged' })
  await client.close()
})

test('a logout token says whose session is over, once', async () => {
  const client = await clientOf('pinged')
  const registration = await oidc.Client.find('pinged')
  await (registration as unknown as { backchannelLogout(sub: string, sid: string): Promise<void> }).backchannelLogout(
    'carol',
    'session-1',
  )
  const token = new URLSearchParams(received.at(-1)?.body).get('logout_token')
  expect(await readLogoutToken(client, token)).toEqual({ subject: 'carol', sessionId: 'session-1' })
  expect(await failure(readLogoutToken(client, token))).toMatchObject({ check: 'jti' })
  await client.close()
})

test('token exchange takes the token of another source, anew each time', async () => {
  const client = await clientOf()
  const held = createTokenSource({ client, grant: clientCredentials({ scope: 'accounts' }) })
  const source = createTokenSource({ client, grant: tokenExchange({ subjectToken: held, scope: 'accounts' }) })
  const first = await source.getTokenSet()
  expect(first.additional.issued_token_type).toBe('urn:ietf:params:oauth:token-type:access_token')
  await held.getTokenSet({ force: true })
  expect((await source.getTokenSet({ force: true })).accessToken).not.toBe(first.accessToken)
  await client.close()
})
