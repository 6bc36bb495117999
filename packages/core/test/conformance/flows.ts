/** The logins the test plans are made of. */
import { dpopKey } from '../../src/index.js'
import type { Flow } from './scene.js'

/** OpenID Connect, response type `code`. */
export const basic: Flow = {}

/** The same, by form post. */
export const basicFormPost: Flow = { request: { responseMode: 'form_post' } }

/** OpenID Connect, response type `code id_token`. */
export const hybrid: Flow = { request: { responseType: 'code id_token' } }

/** The same, by form post. */
export const hybridFormPost: Flow = { request: { responseType: 'code id_token', responseMode: 'form_post' } }

/** OpenID Connect, the answer signed (JARM). */
export const jarm: Flow = { request: { responseMode: 'query.jwt' } }

/** FAPI 1.0 Advanced: pushed and signed request, `code id_token`, PS256, private_key_jwt, certificate-bound tokens. */
export const fapi1: Flow = {
  settings: {
    authMethod: 'private_key_jwt',
    idTokenSignedResponseAlg: 'PS256',
    authorizationSignedResponseAlg: 'PS256',
    requirePushedAuthorizationRequests: true,
    requireSignedRequestObject: true,
    senderConstrained: 'certificate',
  },
  signed: true,
  request: { responseType: 'code id_token' },
}

/** FAPI 1.0 Advanced by JARM: the answer is signed, and no ID token comes in front. */
export const fapi1Jarm: Flow = { ...fapi1, request: { responseMode: 'jwt' } }

/** FAPI 2.0 Security Profile with certificate-bound tokens. */
export const fapi2: Flow = {
  settings: {
    authMethod: 'private_key_jwt',
    idTokenSignedResponseAlg: 'PS256',
    authorizationSignedResponseAlg: 'PS256',
    requirePushedAuthorizationRequests: true,
    senderConstrained: 'certificate',
  },
}

/** FAPI 2.0 Security Profile with DPoP, nonces wanted. */
export const fapi2Dpop: Flow = {
  settings: { ...fapi2.settings, senderConstrained: 'dpop', dpopNonces: true, accessTokenFormat: 'jwt' },
  client: () => ({ dpop: dpopKey() }),
}

/** FAPI 2.0 Message Signing: request and answer are signed. */
export const fapi2MessageSigning: Flow = {
  ...fapi2,
  settings: { ...fapi2.settings, requireSignedRequestObject: true },
  signed: true,
  request: { responseMode: 'jwt' },
}
