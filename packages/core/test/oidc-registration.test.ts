/** Registration at an authorization server we did not write: oidc-provider, on loopback. */
import { afterAll, describe, expect, test } from 'vitest'
import {
  clientCredentials,
  createClient,
  defineProvider,
  deleteRegistration,
  discoverMetadata,
  readRegistration,
  registerClient,
  requestTokenSet,
  updateRegistration,
} from '../src/index.js'
import { startOidcServer } from './oidc-server.js'

const initialAccessToken = 'initial-access-token'
const { issuer, stop } = await startOidcServer({
  scopes: ['read', 'write'],
  features: {
    clientCredentials: { enabled: true },
    registration: { enabled: true, initialAccessToken },
    registrationManagement: { enabled: true, rotateRegistrationAccessToken: true },
  },
})
afterAll(stop)

const metadata = {
  client_name: 'Nightly report',
  grant_types: ['client_credentials'],
  response_types: [],
  redirect_uris: [],
  scope: 'read',
}
const provider = async () => defineProvider({ name: 'oidc', metadata: await discoverMetadata({ issuer }) })

describe('at oidc-provider', () => {
  test.each(['client_secret_basic', 'client_secret_post'])('a program becomes a client: %s', async method => {
    const at = await provider()
    const asked = { ...metadata, token_endpoint_auth_method: method }
    const registration = await registerClient({ provider: at, metadata: asked, initialAccessToken })
    expect(registration.metadata).toMatchObject(asked)
    expect(registration.clientIdIssuedAt).toBeGreaterThan(1_700_000_000_000)
    expect(registration.clientSecretExpiresAt).toBeUndefined()
    const { clientId, clientSecret = '' } = registration
    const client = createClient({ provider: at, clientId, clientSecret, metadata: registration.metadata })
    expect(await requestTokenSet(client, clientCredentials({ scope: 'read' }))).toMatchObject({ scope: 'read' })
    await client.close()
  })

  test('a registration is read, changed with a new token each time, and ended', async () => {
    const at = await provider()
    const first = await registerClient({ provider: at, metadata, initialAccessToken })
    const read = await readRegistration({ provider: at, registration: first })
    expect(read.metadata).toEqual(first.metadata)
    expect(read.clientSecret).toBe(first.clientSecret)

    const wanted = { ...read.metadata, scope: 'read write' }
    const updated = await updateRegistration({ provider: at, registration: read, metadata: wanted })
    expect(updated.metadata.scope).toBe('read write')
    expect(updated.clientSecret).toBe(first.clientSecret)
    expect(updated.registrationAccessToken).not.toBe(first.registrationAccessToken)
    const outdated = readRegistration({ provider: at, registration: read })
    await expect(outdated).rejects.toMatchObject({ error: 'invalid_token', serverStatus: 401 })

    await deleteRegistration({ provider: at, registration: updated })
    await expect(readRegistration({ provider: at, registration: updated })).rejects.toMatchObject({ serverStatus: 401 })
    const { clientId, clientSecret = '' } = updated
    const client = createClient({ provider: at, clientId, clientSecret })
    await expect(requestTokenSet(client, clientCredentials())).rejects.toMatchObject({ error: 'invalid_client' })
    await client.close()
  })

  test('what the server does not register is named', async () => {
    const at = await provider()
    const wrong = { ...metadata, redirect_uris: ['not a URL'] }
    await expect(registerClient({ provider: at, metadata: wrong, initialAccessToken })).rejects.toMatchObject({
      error: 'invalid_redirect_uri',
      kind: 'terminal',
    })
    const unknown = { ...metadata, token_endpoint_auth_method: 'by telephone' }
    await expect(registerClient({ provider: at, metadata: unknown, initialAccessToken })).rejects.toMatchObject({
      error: 'invalid_client_metadata',
    })
    await expect(registerClient({ provider: at, metadata })).rejects.toMatchObject({ serverStatus: 401 })
    await expect(registerClient({ provider: at, metadata, initialAccessToken: 'another' })).rejects.toMatchObject({
      error: 'invalid_token',
      serverStatus: 401,
    })
  })
})
