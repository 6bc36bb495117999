import { X509Certificate } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { type ClientCertificate, clientCertificate } from '../src/certificate.js'
import { type ClientOptions, createClient, endpointFor } from '../src/client.js'
import { clientSecretBasic } from '../src/client-auth/client-secret-basic.js'
import { clientSecretJwt } from '../src/client-auth/client-secret-jwt.js'
import { clientSecretPost } from '../src/client-auth/client-secret-post.js'
import { none } from '../src/client-auth/none.js'
import { selfSignedTlsClientAuth, tlsClientAuth } from '../src/client-auth/tls-client-auth.js'
import { systemClock } from '../src/clock.js'
import { createTokenSource } from '../src/create-token-source.js'
import { requestTokenSet } from '../src/endpoints/token.js'
import { authorizationCode } from '../src/grants/authorization-code.js'
import { clientCredentials } from '../src/grants/client-credentials.js'
import { optionError } from '../src/options.js'
import type { Provider } from '../src/provider.js'
import { answering, clientOf, endpoint, failure, issuer, provider, refusal } from './answering.js'
import { issue } from './fixtures/certificates.js'

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
    ['a secret that is undefined', 'clientSecret', { provider: provider(), clientId: 'a', clientSecret: undefined }],
    ['a method that is undefined', 'auth', { provider: provider(), clientId: 'a', auth: undefined }],
    [
      'a secret and a method that are undefined',
      'clientSecret',
      { provider: provider(), clientId: 'a', clientSecret: undefined, auth: undefined },
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

describe('a secret that is not set', () => {
  test('is no public client', () => {
    const { message } = refusal(() => clientOf(transport, { clientSecret: process.env.NOT_SET_ANYWHERE as never }))
    expect(message).toBe(
      'clientSecret: is undefined: an environment variable that is not set? A public client leaves it out, or says auth: none()',
    )
  })

  test('does no harm beside another method', () => {
    expect(clientOf(transport, { clientSecret: undefined as never, auth: none() }).auth.method).toBe('none')
    expect(clientOf(transport, { clientSecret: 's', auth: undefined as never }).auth.method).toBe('client_secret_basic')
  })
})

describe('credentials that were changed on the way', () => {
  const changed: readonly [string, string, string][] = [
    ['a line break at the end', 'good\n', 'ends with a line break: trim what comes from a file'],
    ['a line break of Windows', 'good\r\n', 'ends with a line break: trim what comes from a file'],
    ['a byte order mark', '\ufeffgood', 'begins with a byte order mark: take it off what comes from a file'],
    ['a line break in the middle', 'go\nod', 'holds a line break or another control character'],
    ['NUL', 'go\0od', 'holds a line break or another control character'],
    [
      'a template with an unset variable',
      `${undefined}`,
      'is the text "undefined": a variable in a template that is not set?',
    ],
  ]
  for (const [name, text, problem] of changed) {
    test(`${name}: told of id and secret, and not shown`, () => {
      expect(refusal(() => clientOf(transport, { clientId: text })).message).toBe(`clientId: ${problem}`)
      expect(refusal(() => clientOf(transport, { clientSecret: text })).message).toBe(`clientSecret: ${problem}`)
      expect(refusal(() => clientSecretPost(text)).message).toBe(`clientSecret: ${problem}`)
      expect(refusal(() => clientSecretBasic(text)).message).not.toContain('good')
    })

    test(`${name}: told of a secret that is read later`, async () => {
      const client = clientOf(transport, { clientSecret: async () => text })
      const error = await failure(requestTokenSet(client, clientCredentials()))
      expect(error).toMatchObject({
        code: 'ERR_CLIENT_AUTHENTICATION',
        message: `clientSecret: what the function returned ${problem}`,
      })
    })
  }

  test('other letters, and blanks at either end, are left alone', () => {
    for (const text of ['ö€', ' a b ', 'tab-less', 'undefined-1'])
      expect(() => clientOf(transport, { clientId: text, clientSecret: text })).not.toThrow()
  })
})

describe('tls', () => {
  const made = issue({ name: 'client' })
  const { cert, key } = made
  const pair = 'write tls: { certificate: clientCertificate({ cert, key }) }'
  const wrong: readonly [string, object, string, string][] = [
    ['cert and key', { cert, key }, 'tls.cert', pair],
    ['a key', { key }, 'tls.key', pair],
    ['a PFX', { pfx: Buffer.from('x'), passphrase: 'p' }, 'tls.pfx', 'clientCertificate({ pfx, passphrase })'],
    [
      'verification switched off',
      { rejectUnauthorized: false },
      'tls.rejectUnauthorized',
      'pass the CA of a private one as tls.ca',
    ],
    [
      'something else',
      { ciphers: 'ALL' },
      'tls.ciphers',
      'is not an option of createClient(); tls takes certificate, ca',
    ],
    ['a certificate as options', { certificate: { cert, key } }, 'tls.certificate', 'clientCertificate({ cert, key })'],
    ['a certificate as text', { certificate: cert }, 'tls.certificate', 'clientCertificate({ cert, key })'],
    ['a CA by its path', { ca: '/etc/ssl/ca.pem' }, 'tls.ca', 'readFileSync(path)'],
    ['a mode without a CA', { caMode: 'replace' }, 'tls.ca', 'is needed with caMode'],
    ['a promise', Promise.resolve({}), 'tls', 'did you forget await?'],
    ['text', 'strict' as never, 'tls', 'must be an object'],
  ]
  for (const [name, tls, option, message] of wrong)
    test(`${name}: told as ${option}, in the words of createClient()`, () => {
      const error = refusal(() => clientOf(transport, { tls }))
      expect(error.option).toBe(option)
      expect(error.message).toContain(message)
      expect(inspect(error)).not.toContain('PRIVATE KEY')
    })

  const year = 365 * 86_400_000
  const dates = {
    from: Date.parse(new X509Certificate(cert).validFrom),
    until: Date.parse(new X509Certificate(cert).validTo),
  }
  test.each([
    ['has expired', dates.until + 1000, `tls.certificate: expired on ${new Date(dates.until).toISOString()}`],
    [
      'is not valid yet',
      dates.from - year,
      `tls.certificate: is not valid before ${new Date(dates.from).toISOString()}`,
    ],
  ])("a certificate that %s by the client's clock is refused, with its date", (_, now, message) => {
    const tls = { certificate: clientCertificate({ cert, key }) }
    expect(refusal(() => clientOf(transport, { tls, clock: { now: () => now } })).message).toBe(message)
    expect(() => clientOf(transport, { tls, clock: { now: () => dates.from + 1000 } })).not.toThrow()
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

describe('a method that was registered', () => {
  const clientSecret = 's3cret'

  test.each(['client_secret_post', 'client_secret_basic'])('is the one by which a plain secret goes out: %s', name => {
    const metadata = { token_endpoint_auth_method: name }
    const from = provider({ defaultSecretMethod: 'client_secret_post' })
    expect(clientOf(transport, { provider: from, clientSecret, metadata }).auth.method).toBe(name)
  })

  test('is told from another one that is given, before anything is sent', () => {
    const registered = { token_endpoint_auth_method: 'private_key_jwt' }
    expect(refusal(() => clientOf(transport, { clientSecret, metadata: registered })).message).toBe(
      'clientSecret: means client_secret_basic; by metadata.token_endpoint_auth_method the client is registered for private_key_jwt',
    )
    const auth = clientSecretPost(clientSecret)
    const basic = { token_endpoint_auth_method: 'client_secret_basic' }
    expect(refusal(() => clientOf(transport, { auth, metadata: basic })).option).toBe('auth')
    expect(refusal(() => clientOf(transport, { metadata: basic })).option).toBe('auth')
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
    expect(endpointFor(clientOf(transport), 'token_endpoint', 'client_credentials')).toBe(endpoint)
    expect(endpointFor(clientOf(transport, { provider: withAlias }), 'token_endpoint', 'client_credentials')).toBe(
      endpoint,
    )
  })

  test('is its mutual-TLS alias for a client with a certificate', () => {
    const certificate = { thumbprint: 't' } as ClientCertificate
    const client = clientOf(transport, { provider: withAlias, tls: { certificate } })
    expect(endpointFor(client, 'token_endpoint', 'client_credentials')).toBe(alias)
  })

  test('is elsewhere for refresh requests where the provider says so', () => {
    const client = clientOf(transport, { provider: provider({ refreshEndpoint: refresh }) })
    expect(endpointFor(client, 'token_endpoint', 'refresh_token')).toBe(refresh)
    expect(endpointFor(client, 'token_endpoint', 'authorization_code')).toBe(endpoint)
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
