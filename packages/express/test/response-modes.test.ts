/** Every way in which an answer comes and a request goes out: by options of grantkit() and createClient() alone. */
import {
  type ClientOptions,
  clientCertificate,
  dpopKey,
  none,
  privateKeyJwt,
  signer,
  tlsClientAuth,
} from '@grantkit/core'
import { type Openid, type OpenidSettings, type Sandbox, startSandbox } from '@grantkit/sandbox'
import express from 'express'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { AuthorizationOptions } from '../src/index.js'
import { clientOf, origin, startApp } from './app.js'

let sandbox: Sandbox
beforeEach(async () => {
  sandbox = await startSandbox()
})
afterEach(() => sandbox.stop())

/** How a client is registered, and what is asked for. */
interface Way {
  readonly authorization?: AuthorizationOptions | ((openid: Openid) => AuthorizationOptions)
  readonly settings?: Partial<OpenidSettings>
  readonly client?: (openid: Openid) => Partial<ClientOptions>
}

const hybrid = { responseType: 'code id_token' } as const
const byKey = ({ signingKey, kid }: Openid) => ({ auth: privateKeyJwt({ key: signingKey, alg: 'PS256', kid }) })
const requestObject = ({ signingKey, kid }: Openid) => ({ signer: signer({ key: signingKey, alg: 'PS256', kid }) })
const withCertificate = ({ certificate }: Openid) => ({ tls: { certificate: clientCertificate(certificate) } })

const ways: Record<string, Way> = {
  'a code in the query': {},
  'a code that is posted': { authorization: { responseMode: 'form_post' } },
  'a code in a fragment': { authorization: { responseMode: 'fragment' } },
  'code and ID token in a fragment': { authorization: hybrid },
  'code and ID token that are posted': { authorization: { ...hybrid, responseMode: 'form_post' } },
  'a signed answer in the query': { authorization: { responseMode: 'jwt' } },
  'a signed answer in a fragment': { authorization: { responseMode: 'fragment.jwt' } },
  'a signed answer that is posted': { authorization: { responseMode: 'form_post.jwt' } },
  'code and ID token, signed': { authorization: { ...hybrid, responseMode: 'jwt' } },
  'a pushed request': { authorization: { pushed: true } },
  'a server that takes pushed requests alone': { settings: { requirePushedAuthorizationRequests: true } },
  'a signed request': {
    authorization: openid => ({ requestObject: requestObject(openid) }),
    settings: { authMethod: 'private_key_jwt', requireSignedRequestObject: true },
    client: byKey,
  },
  'a signed request that is pushed': {
    authorization: openid => ({ requestObject: requestObject(openid), pushed: true }),
    settings: { authMethod: 'private_key_jwt' },
    client: byKey,
  },
  'tokens bound to a DPoP key': {
    settings: { senderConstrained: 'dpop', dpopNonces: true },
    client: () => ({ dpop: dpopKey() }),
  },
  'a client that is its certificate': {
    settings: { authMethod: 'tls_client_auth', senderConstrained: 'certificate', mtlsEndpointAliases: true },
    client: openid => ({ auth: tlsClientAuth(), ...withCertificate(openid) }),
  },
  'a public client': { settings: { authMethod: 'none' }, client: () => ({ auth: none() }) },
  'an encrypted ID token': {
    settings: { idTokenEncryption: { alg: 'RSA-OAEP-256', enc: 'A256GCM' } },
    client: ({ signingKey }) => ({
      metadata: {
        id_token_signed_response_alg: 'RS256',
        id_token_encrypted_response_alg: 'RSA-OAEP-256',
        id_token_encrypted_response_enc: 'A256GCM',
      },
      decryptionKeys: [{ key: signingKey }],
    }),
  },
  'all of FAPI 1.0 Advanced': {
    authorization: openid => ({ ...hybrid, requestObject: requestObject(openid), openbankingIntentId: 'consent-1' }),
    settings: {
      authMethod: 'private_key_jwt',
      idTokenSignedResponseAlg: 'PS256',
      requirePushedAuthorizationRequests: true,
      requireSignedRequestObject: true,
      senderConstrained: 'certificate',
    },
    client: openid => ({ ...byKey(openid), ...withCertificate(openid) }),
  },
  'all of FAPI 2.0 Message Signing': {
    authorization: openid => ({ responseMode: 'jwt', requestObject: requestObject(openid) }),
    settings: {
      authMethod: 'private_key_jwt',
      idTokenSignedResponseAlg: 'PS256',
      authorizationSignedResponseAlg: 'PS256',
      requirePushedAuthorizationRequests: true,
      requireSignedRequestObject: true,
      senderConstrained: 'certificate',
    },
    client: openid => ({ ...byKey(openid), ...withCertificate(openid) }),
  },
}

test.each(Object.entries(ways))('a user logs in by %s', async (_, { authorization = {}, settings, client }) => {
  const { openid } = sandbox
  Object.assign(openid.settings, settings)
  const asked = typeof authorization === 'function' ? authorization(openid) : authorization
  await using app = await startApp(express, {
    client: await clientOf(sandbox, client?.(openid)),
    authorization: { scope: 'openid accounts', ...asked },
  })
  const browser = app.browser()

  const page = await browser.open(`${origin}/login?returnTo=/me`)

  expect(app.errors).toEqual([])
  expect(page).toMatchObject({ status: 200, url: `${origin}/me`, text: '{"sub":"alice"}' })
  expect(browser.cookies().map(({ name }) => name)).toEqual([expect.stringMatching(/^__Host-grantkit-session-/)])
})
