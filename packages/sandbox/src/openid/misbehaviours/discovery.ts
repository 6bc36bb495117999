/** What can be wrong with a discovery document (OpenID Connect Discovery §4.3, RFC 8414 §3.3). */
import { documentMisbehaviours, member } from './document.js'
import type { Changes } from './index.js'
import { stranger } from './stranger.js'

/** By name. */
export const discoveryMisbehaviours = {
  ...documentMisbehaviours,
  'other issuer': member({ issuer: stranger }),
  'issuer with a slash': member(body => ({ issuer: `${body.issuer}/` })),
  'missing issuer': member({ issuer: undefined }),
  'missing jwks_uri': member({ jwks_uri: undefined }),
  'missing token_endpoint': member({ token_endpoint: undefined }),
  'missing authorization_endpoint': member({ authorization_endpoint: undefined }),
  /** Endpoints without TLS. */
  'http endpoints': ({ body }) => {
    for (const [name, value] of Object.entries(body))
      if (/_endpoint$|_uri$/.test(name)) body[name] = String(value).replace('https://localhost', 'http://as.example')
  },
  'javascript authorization_endpoint': member({ authorization_endpoint: 'javascript:alert(1)' }),
  /** An authorization endpoint whose own query has protocol parameters. */
  'authorization_endpoint with a query': member(body => ({
    authorization_endpoint: `${body.authorization_endpoint}?client_id=mallory&redirect_uri=${stranger}&tenant=7`,
  })),
  /** Only `none` and HS256 for ID tokens. */
  'only weak algorithms': member({ id_token_signing_alg_values_supported: ['none', 'HS256'] }),
} satisfies Changes<'discovery'>
