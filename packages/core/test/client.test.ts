import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import type { ClientCertificate } from '../src/certificate.js'
import { type ClientOptions, createClient, endpointFor } from '../src/client.js'
import { clientSecretBasic } from '../src/client-auth/client-secret-basic.js'
import { clientSecretJwt } from '../src/client-auth/client-secret-jwt.js'
import { clientSecretPost } from '../src/client-auth/client-secret-post.js'
import { none } from '../src/client-auth/none.js'
import { selfSignedTlsClientAuth, tlsClientAuth } from '../src/client-auth/tls-client-auth.js'
import { systemClock } from '../src/clock.js'
import { createTokenSource } from '../src/create-token-source.js'
import { authorizationCode } from '../src/grants/authorization-code.js'
import { clientCredentials } from '../src/grants/client-credentials.js'
import { optionError } from '../src/options.js'
import type { Provider } from '../src/provider.js'
import { answering, clientOf, endpoint, issuer, provider, refusal } from './answering.js'

const { transport } = answering()
const accepting = (...methods: string[]): Provider => provider({}, { token_endpoint_auth_methods_supported: methods })

describe('createClient', () => {
  const wrong: readonly [name: string, option: string, options: unknown][] = [
    ['nothing', 'createClient()', undefined],
    ['no client id', 'clientId', { provider: provider() }],
    ['an empty client id', 'clientId', { provider: provider(), clientId: '' }],
    ['a client id that is a number', 'clientId', { provider: provider(), clientId: 42 }],
    ['clientID', 'clientID', { provider: provider(), clientID: 'a' }],
    ['client_secret', 'client_secret', { provider: provider(), clientId: 'a', client_secret: 's' }],
    ['no provider', 'provider', { clientId: 'a' }],
    ['a provider that is a URL', 'provider', { provider: issuer, clientId: 'a' }],
    ['an empty secret', 'clientSecret', { provider: provider(), clientId: 'a', clientSecret: '' }],
    [
      'a secret that is no text',
      'clientSecret',
      { provider: provider(), clientId: 'a', clientSecret: Buffer.from('s') },
    ],
    ['a secret and a method', 'clientSecret', { provider: provider(), clientId: 'a', clientSecret: 's', auth: none() }],
    ['a method that is a name', 'auth', { provider: provider(), clientId: 'a', auth: 'client_secret_basic' }],
    ['a method not accepted', 'auth', { provider: accepting('private_key_jwt'), clientId: 'a', auth: none() }],
    ['no method where one is wanted', 'auth', { provider: accepting('private_key_jwt'), clientId: 'a' }],
    [
      'a secret where none is accepted',
      'clientSecret',
      { provider: accepting('private_key_jwt'), clientId: 'a', clientSecret: 's' },
    ],
    [
      'tls_client_auth without a certificate',
      'tls.certificate',
      { provider: provider(), clientId: 'a', auth: tlsClientAuth() },
    ],
    [
      'self_signed_tls_client_auth without a certificate',
      'tls.certificate',
      { provider: provider(), clientId: 'a', auth: selfSignedTlsClientAuth() },
    ],
    [
      'a provider that wants a certificate, without one',
      'tls.certificate',
      { provider: provider({ requiresCertificate: true }), clientId: 'a', clientSecret: 's' },
    ],
    ['a misspelt limit', 'timeoutMS', { provider: provider(), clientId: 'a', transport: { timeoutMS: 1 } }],
  ]
  for (const [name, option, options] of wrong)
    test(`refuses ${name} and names ${option}`, () => {
      expect(refusal(() => createClient(options as ClientOptions)).option).toBe(option)
    })

  test('asks whether clientID is clientId', () => {
    expect(refusal(() => createClient({ clientID: 'a' } as unknown as ClientOptions)).message).toContain(
      'did you mean clientId?',
    )
  })

  test('says what to remove when client authentication is given twice', () => {
    const { message } = refusal(() => clientOf(transport, { clientSecret: 'marker', auth: none() }))
    expect(message).toBe('clientSecret: client authentication is given twice; remove either clientSecret or auth')
  })

  test('leaves certificates to a transport of your own', () => {
    expect(clientOf(transport, { auth: tlsClientAuth() }).auth.method).toBe('tls_client_auth')
    expect(() => clientOf(transport, { provider: provider({ requiresCertificate: true }) })).not.toThrow()
  })

  test('refuses credentials the provider could not take, id and secret', () => {
    const checkCredentials = ({
      clientId,
      clientSecret = '',
    }: {
      clientId: string
      clientSecret?: string | undefined
    }) => {
      if (clientId.length > 5) throw optionError('clientId', 'too long')
      if (clientSecret.length > 5) throw optionError('clientSecret', 'too long')
    }
    const limited = provider({ checkCredentials })
    const options = { provider: limited, clientId: 'a' }
    expect(refusal(() => clientOf(transport, { provider: limited, clientId: 'a-long-id' })).option).toBe('clientId')
    expect(refusal(() => clientOf(transport, { ...options, clientSecret: 'a-secret' })).option).toBe('clientSecret')
    expect(refusal(() => clientOf(transport, { ...options, auth: clientSecretPost('a-secret') })).option).toBe(
      'clientSecret',
    )
  })
})

describe('a plain secret', () => {
  const method = (provider: Provider) => clientOf(transport, { provider, clientSecret: 's' }).auth.method

  test('is sent by Basic unless the provider says otherwise', () => {
    expect(method(provider())).toBe('client_secret_basic')
    expect(method(accepting('client_secret_post', 'client_secret_basic'))).toBe('client_secret_basic')
  })

  test('is sent in the body where that is all the provider takes, or what it prefers', () => {
    expect(method(accepting('client_secret_post', 'private_key_jwt'))).toBe('client_secret_post')
    expect(method(provider({ defaultSecretMethod: 'client_secret_post' }))).toBe('client_secret_post')
  })

  test('is optional: a public client names itself', () => {
    expect(clientOf(transport).auth.method).toBe('none')
  })
})

describe('what the provider does not take', () => {
  test('as algorithm of client_secret_jwt is refused by its name', () => {
    const limited = provider({}, { token_endpoint_auth_signing_alg_values_supported: ['PS256'] })
    const auth = clientSecretJwt('s', { alg: 'HS256' })
    expect(refusal(() => clientOf(transport, { provider: limited, auth }))).toMatchObject({
      option: 'alg',
      message: 'alg: example accepts PS256, not HS256',
    })
  })

  test('as grant is refused by the token source', () => {
    const client = clientOf(transport, { provider: provider({}, { grant_types_supported: ['refresh_token'] }) })
    expect(refusal(() => createTokenSource({ client, grant: clientCredentials() })).option).toBe('grant')
  })

  test('as a source for a grant that works once is refused too', () => {
    const client = clientOf(transport)
    expect(refusal(() => createTokenSource({ client, grant: authorizationCode({ code: 'c' }) })).option).toBe('grant')
  })
})

describe('endpointFor', () => {
  const alias = 'https://mtls.as.example.com/token'
  const refresh = 'https://gateway.example.com/token'
  const withAlias = provider({}, { mtls_endpoint_aliases: { token_endpoint: alias } })

  test('is the token endpoint', () => {
    expect(endpointFor(clientOf(transport), 'client_credentials')).toBe(endpoint)
    expect(endpointFor(clientOf(transport, { provider: withAlias }), 'client_credentials')).toBe(endpoint)
  })

  test('is its mutual-TLS alias for a client with a certificate', () => {
    const certificate = { thumbprint: 't' } as ClientCertificate
    const client = clientOf(transport, { provider: withAlias, tls: { certificate } })
    expect(endpointFor(client, 'client_credentials')).toBe(alias)
  })

  test('is elsewhere for refresh requests where the provider says so', () => {
    const client = clientOf(transport, { provider: provider({ refreshEndpoint: refresh }) })
    expect(endpointFor(client, 'refresh_token')).toBe(refresh)
    expect(endpointFor(client, 'authorization_code')).toBe(endpoint)
  })
})

describe('a client', () => {
  test("has the machine's clock and another connection than another client's, unless told otherwise", async () => {
    const [one, other] = [clientOf(transport), clientOf(answering().transport)]
    expect(one.clock).toBe(systemClock)
    expect(one.connection).toBe(clientOf(transport).connection)
    expect(one.connection).not.toBe(other.connection)
    await expect(one.close()).resolves.toBeUndefined()
  })

  test('shows no secret when printed', () => {
    for (const options of [{ clientSecret: 'marker' }, { auth: clientSecretBasic(() => 'marker') }]) {
      const client = clientOf(transport, options)
      expect(inspect(client, { depth: Number.POSITIVE_INFINITY, showHidden: true })).not.toContain('marker')
      expect(JSON.stringify(client)).not.toContain('marker')
    }
  })
})
