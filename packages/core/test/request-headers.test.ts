import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { discoverMetadata } from '../src/discovery.js'
import { requestTokenSet } from '../src/endpoints/token.js'
import { clientCredentials } from '../src/grants/client-credentials.js'
import { version } from '../src/version.js'
import { answering, clientOf, endpoint, failure, granted, issuer, provider, refusal } from './answering.js'

const agent = `grantkit/${version}`

async function sent(headers: object | undefined, requestHeaders?: object) {
  const { transport, requests } = answering(granted)
  const conform = requestHeaders && { requestHeaders: requestHeaders as never }
  const client = clientOf(transport, {
    provider: provider(conform),
    clientSecret: 's3cret',
    ...(headers && { headers: headers as never }),
  })
  await requestTokenSet(client, clientCredentials())
  return requests[0]?.headers ?? {}
}

test('the version is that of the package', () => {
  const { version: released } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  expect(version).toBe(released)
})

describe('a request to an endpoint', () => {
  test('says who asks, since firewalls refuse requests that do not', async () => {
    expect(await sent(undefined)).toMatchObject({ 'user-agent': agent })
  })

  test("carries what the provider and the client name, the client's where both do", async () => {
    const headers = await sent(
      { 'X-Api-Key': 'mine', 'x-b': async () => 'b' },
      { 'x-api-key': 'its', 'X-Tenant': () => 't' },
    )
    expect(headers).toMatchObject({ 'x-api-key': 'mine', 'x-b': 'b', 'x-tenant': 't', 'user-agent': agent })
    expect(headers.authorization).toMatch(/^Basic /)
  })

  test('may say something else of who asks, and of what it accepts', async () => {
    expect(await sent({ 'User-Agent': 'bank-app/7' }, { accept: 'application/vnd.bank+json' })).toMatchObject({
      'user-agent': 'bank-app/7',
      accept: 'application/vnd.bank+json',
    })
  })

  test('asks a function anew for every request', async () => {
    const { transport, requests } = answering(granted, granted)
    const keys = ['one', 'two']
    const client = clientOf(transport, { headers: { 'x-api-key': () => keys.shift() as string } })
    for (let count = 0; count < 2; count++) await requestTokenSet(client, clientCredentials())
    expect(requests.map(({ headers }) => headers['x-api-key'])).toEqual(['one', 'two'])
  })

  test('for metadata is one too', async () => {
    const { transport, requests } = answering({ body: { issuer, token_endpoint: endpoint } })
    await discoverMetadata({ issuer, transport, headers: { 'X-Api-Key': 'k' } })
    expect(requests[0]).toEqual({
      method: 'GET',
      url: `${issuer}/.well-known/openid-configuration`,
      headers: { accept: 'application/json', 'user-agent': agent, 'x-api-key': 'k' },
      signal: expect.anything(),
    })
  })
})

describe('refused when they are made, by name and without their value', () => {
  const protocols = ['authorization', 'Authorization', 'Content-Type', 'content-length', 'content-encoding', 'HOST']
  const hops = [
    'Connection',
    'Transfer-Encoding',
    'TE',
    'Upgrade',
    'Proxy-Authorization',
    'keep-alive',
    'Expect',
    'DPoP',
  ]
  const wrong: readonly [string, unknown, string][] = [
    ...[...protocols, ...hops].map(name => [name, { [name]: 'mkr' }, `headers.${name}`] as [string, unknown, string]),
    ['a line break at the end', { 'x-key': 'mkr\n' }, 'headers.x-key'],
    ['a header within', { 'x-key': 'mkr\r\nhost: evil.example' }, 'headers.x-key'],
    ['a letter no header can have', { 'x-key': 'mkr\u20ac' }, 'headers.x-key'],
    ['blanks around', { 'x-key': ' mkr' }, 'headers.x-key'],
    ['nothing', { 'x-key': '' }, 'headers.x-key'],
    ['an unset variable', { 'x-key': undefined }, 'headers.x-key'],
    ['a number', { 'x-key': 7 }, 'headers.x-key'],
    ['a promise', { 'x-key': Promise.resolve('mkr') }, 'headers.x-key'],
    ['a name with a blank', { 'x key': 'mkr' }, 'headers'],
    ['a name with a colon', { 'x:': 'mkr' }, 'headers'],
    ['one name twice', { 'x-key': 'a', 'X-Key': 'mkr' }, 'headers.X-Key'],
    ['a list', [['x-key', 'mkr']], 'headers'],
    ['Headers', new Headers({ 'x-key': 'mkr' }), 'headers'],
  ]
  for (const [name, headers, option] of wrong)
    test(name, () => {
      const { transport } = answering()
      const error = refusal(() => clientOf(transport, { headers: headers as never }))
      expect(error.option).toBe(option)
      expect(inspect(error)).not.toContain('mkr')
      expect(refusal(() => provider({ requestHeaders: headers as never })).option).toBe(
        option.replace('headers', 'requestHeaders'),
      )
    })

  test('a function that gives what cannot be sent fails the request, and sends nothing', async () => {
    const { transport, requests } = answering(granted)
    const client = clientOf(transport, { headers: { 'x-key': () => 'mkr\n' } })
    const error = await failure(requestTokenSet(client, clientCredentials()))
    expect(error).toMatchObject({
      code: 'ERR_CLIENT_AUTHENTICATION',
      message: 'header x-key: what the function returned ends with a line break: trim what comes from a file',
    })
    expect(requests).toEqual([])
  })
})

describe('a value is a secret', () => {
  const key = 'mkr-api-key-of-a-gateway'

  test('in what the server says', async () => {
    const body = { error: 'invalid_client', error_description: `no such key: ${key}` }
    for (const given of [
      { headers: { 'x-api-key': key } },
      { provider: provider({ requestHeaders: { 'x-api-key': key } }) },
    ]) {
      const client = clientOf(answering({ status: 401, body }).transport, given)
      const error = await failure(requestTokenSet(client, clientCredentials()))
      expect(error.message).toContain('no such key: [redacted]')
      expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('mkr')
    }
  })

  test('in what a transport throws, for metadata too', async () => {
    const broken = () => answering(new Error(`cannot send x-api-key: ${key}`)).transport
    const client = clientOf(broken(), { headers: { 'x-api-key': key } })
    const errors = [
      await failure(requestTokenSet(client, clientCredentials())),
      await failure(discoverMetadata({ issuer, transport: broken(), headers: { 'x-api-key': key } })),
    ]
    for (const error of errors) expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('mkr')
  })

  test('in a client and in a provider that is printed', () => {
    const printed = [
      clientOf(answering().transport, { headers: { 'x-api-key': key } }),
      provider({ requestHeaders: { 'x-api-key': key } }),
    ]
    for (const object of printed) {
      expect(inspect(object, { depth: 9, showHidden: true })).not.toContain('mkr')
      expect(JSON.stringify(object)).not.toContain('mkr')
    }
  })
})
