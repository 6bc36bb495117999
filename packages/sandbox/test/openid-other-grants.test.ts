/** openid-client against the grants beside the code. */
import * as client from 'openid-client'
import { fetch, type RequestInit } from 'undici'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Openid, type Sandbox, startSandbox } from '../src/index.js'
import { agentFor, callApi } from './client.js'

let sandbox: Sandbox
let openid: Openid
const cleanUp: (() => Promise<void>)[] = []
beforeEach(async () => {
  sandbox = await startSandbox()
  openid = sandbox.openid
})
afterEach(async () => {
  await Promise.all(cleanUp.splice(0).map(close => close()))
  await sandbox.stop()
})

async function configure(): Promise<client.Configuration> {
  const dispatcher = agentFor(sandbox, openid)
  cleanUp.push(() => dispatcher.close())
  const customFetch: client.CustomFetch = (url, options) =>
    fetch(url, { ...options, dispatcher } as RequestInit) as unknown as Promise<Response>
  const auth = client.ClientSecretBasic(openid.clientSecret)
  return client.discovery(new URL(openid.issuer), openid.clientId, {}, auth, { [client.customFetch]: customFetch })
}

const exchange = 'urn:ietf:params:oauth:grant-type:token-exchange'
const accessToken = 'urn:ietf:params:oauth:token-type:access_token'

test('a device gets tokens once its user has agreed, and no code twice', async () => {
  const config = await configure()
  const device = await client.initiateDeviceAuthorization(config, { scope: 'openid accounts' })
  const redeem = () =>
    client.genericGrantRequest(config, 'urn:ietf:params:oauth:grant-type:device_code', {
      device_code: device.device_code,
    })
  await expect(redeem()).rejects.toMatchObject({ error: 'authorization_pending' })
  const tokens = await redeem()
  expect(tokens).toMatchObject({
    scope: 'openid accounts',
    id_token: expect.any(String),
    refresh_token: expect.any(String),
  })
  await expect(redeem()).rejects.toMatchObject({ error: 'invalid_grant' })
  expect((await callApi(sandbox, openid, tokens.access_token)).status).toBe(200)
})

test('a device code ends', async () => {
  const config = await configure()
  openid.settings.deviceLifetimeSeconds = 10
  const { device_code } = await client.initiateDeviceAuthorization(config, {})
  sandbox.advance(10_000)
  const redeem = client.genericGrantRequest(config, 'urn:ietf:params:oauth:grant-type:device_code', { device_code })
  await expect(redeem).rejects.toMatchObject({ error: 'expired_token' })
})

test('a live access token is exchanged for another of the same subject, without a refresh token', async () => {
  const config = await configure()
  const { access_token: held } = await client.clientCredentialsGrant(config, { scope: 'accounts payments' })
  const parameters = { subject_token: held, subject_token_type: accessToken, scope: 'accounts' }
  const exchanged = await client.genericGrantRequest(config, exchange, parameters)
  expect(exchanged).toMatchObject({ issued_token_type: accessToken, scope: 'accounts' })
  expect(exchanged.refresh_token).toBeUndefined()
  expect(openid.issuedTokens.at(-1)?.subject).toBe(openid.clientId)
  openid.revoke(held)
  await expect(client.genericGrantRequest(config, exchange, parameters)).rejects.toMatchObject({
    error: 'invalid_request',
  })
})
