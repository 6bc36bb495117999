import {
  clientCredentials,
  deleteRegistration,
  type RegisterClientOptions,
  readRegistration,
  registerClient,
  requestTokenSet,
  signer,
  updateRegistration,
} from '@grantkit/core'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Wso2OpenBankingOptions, wso2OpenBanking } from '../src/index.js'
import { startOpenBanking } from './open-banking.js'

async function start(options: Partial<Wso2OpenBankingOptions> = {}) {
  const { sandbox, system, tls, client } = await startOpenBanking()
  onTestFinished(() => sandbox.stop())
  const { registrationEndpoint, softwareId, softwareStatement, redirectUris, settings } = sandbox.wso2ApiManager
  const { tokenEndpoint } = system
  const now = sandbox.now()
  const request: RegisterClientOptions = {
    provider: wso2OpenBanking({ tokenEndpoint, registrationEndpoint, ...options }),
    tls,
    clock: { now: () => now },
    softwareStatement,
    signed: { signer: signer({ key: system.signingKey, alg: 'PS256', kid: system.kid }), issuer: softwareId },
    metadata: {
      redirect_uris: redirectUris,
      grant_types: ['client_credentials', 'authorization_code', 'refresh_token'],
      response_types: ['code id_token'],
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'PS256',
      scope: 'openid accounts',
    },
  }
  return { now, system, client, settings, request }
}

describe('a registration at the gateway', () => {
  test('makes a client of the software, which looks after it with its own token', async () => {
    const { system, client, request, now } = await start()
    const registration = await registerClient(request)
    expect(registration).toMatchObject({ clientId: system.clientId, clientSecretExpiresAt: undefined })
    expect(registration.metadata).toMatchObject(request.metadata)
    expect(registration.clientIdIssuedAt).toBe(Math.floor(now / 1000) * 1000)

    const registered = client({ metadata: registration.metadata })
    const accessToken = async () =>
      (await requestTokenSet(registered, clientCredentials({ scope: 'accounts' }))).accessToken
    const { softwareStatement, signed, metadata, ...connection } = request
    const opened = { ...connection, registration, accessToken }
    expect((await readRegistration(opened)).metadata).toMatchObject(metadata)
    const wanted = { ...metadata, scope: 'openid accounts payments' }
    const updated = await updateRegistration({ ...opened, softwareStatement, signed, metadata: wanted })
    expect(updated.metadata.scope).toBe('openid accounts payments')
    await deleteRegistration(opened)
    await expect(readRegistration(opened)).rejects.toMatchObject({ code: 'ERR_SERVER_REFUSED', serverStatus: 401 })
    await registered.close()
  })

  test('is sent as JSON by name, where pages of 4.x have it so', async () => {
    const { settings, request } = await start({ registrationContentType: 'application/json' })
    await expect(registerClient(request)).rejects.toMatchObject({ serverStatus: 415 })
    settings.registrationContentType = 'application/json'
    await expect(registerClient(request)).resolves.toMatchObject({ clientId: expect.any(String) })
  })

  test('is refused by name: for another redirect URI, another software, a statement of nobody', async () => {
    const { system, request } = await start()
    const elsewhere = { ...request.metadata, redirect_uris: ['https://other.example/callback'] }
    await expect(registerClient({ ...request, metadata: elsewhere })).rejects.toMatchObject({
      error: 'invalid_redirect_uri',
      kind: 'terminal',
    })
    const signed = { signer: signer({ key: system.signingKey, alg: 'PS256', kid: system.kid }), issuer: 'another' }
    await expect(registerClient({ ...request, signed })).rejects.toMatchObject({ error: 'invalid_client_metadata' })
    await expect(registerClient({ ...request, softwareStatement: 'a.b.c' })).rejects.toMatchObject({
      error: 'invalid_software_statement',
    })
  })

  test('needs the software’s signature, and the certificate', async () => {
    const { request } = await start()
    const { signed, ...unsigned } = request
    await expect(registerClient(unsigned)).rejects.toMatchObject({ option: 'signed' })
    const { tls, ...bare } = request
    await expect(registerClient(bare)).rejects.toMatchObject({ option: 'tls.certificate' })
  })
})
