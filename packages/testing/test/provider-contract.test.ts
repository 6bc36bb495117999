/** The contract passes for a good provider, and its cases fail for the faults they are there for. */
import {
  authorizationCode,
  type Conform,
  clientCredentials,
  clientSecretPost,
  createClient,
  defineProvider,
  encodeForm,
} from '@grantkit/core'
import { optionError } from '@grantkit/core/kit'
import { describe, expect, test } from 'vitest'
import {
  manualClock,
  type ProviderContractSetup,
  type ProviderUnderTest,
  providerContract,
  type ServerAnswer,
} from '../src/index.js'
import { startTinyServer } from './tiny-server.js'

interface Changes {
  readonly conform?: Conform
  readonly setup?: Partial<ProviderContractSetup>
  readonly underTest?: Partial<ProviderUnderTest>
  readonly inBody?: boolean
  readonly onDispose?: () => void
  readonly rejection?: ServerAnswer
}

function contractOf({ conform, setup, underTest, inBody, onDispose, rejection }: Changes = {}) {
  return providerContract({
    authMethod: 'client_secret_basic',
    wrongOptions: [
      {
        option: 'tokenEndpoint',
        make() {
          throw optionError('tokenEndpoint', 'must be given')
        },
      },
    ],
    async start() {
      const clock = manualClock()
      const server = await startTinyServer(clock, rejection)
      const metadata = { issuer: 'tiny', token_endpoint: server.tokenEndpoint }
      const provider = defineProvider({ name: 'tiny', metadata, conform })
      const client = (clientSecret: string) => {
        const credentials = inBody ? { auth: clientSecretPost(clientSecret) } : { clientSecret }
        return createClient({ provider, clientId: 'id', clock, ...credentials })
      }
      return {
        system: server,
        client: client('good-secret'),
        clientWithWrongCredentials: client('wrong-secret'),
        grant: clientCredentials(),
        logIn: () => authorizationCode({ code: server.approve() }),
        advance: clock.advance,
        secrets: ['good-secret', 'wrong-secret'],
        async [Symbol.asyncDispose]() {
          onDispose?.()
          await server[Symbol.asyncDispose]()
        },
        ...underTest,
      }
    },
    ...setup,
  })
}

/** A provider that calls everything otherwise. */
const renamed: Changes = {
  inBody: true,
  conform: {
    encodeRequest: ({ client_id: appKey, client_secret: appSecret, refresh_token: renewBy, ...others }) =>
      encodeForm({ ...others, appKey, appSecret, renewBy }),
  },
  setup: { authMethod: 'client_secret_post' },
}

describe('a provider that calls id, secret and refresh token otherwise', () => {
  for (const { name, run } of contractOf(renamed)) test(name, run)
})

/** One whose API rejects by 403, and whose answers name no lifetime. */
const departing: Changes = {
  conform: {
    rejectionStatuses: [403],
    recognizeRejection: () => true,
    defaultExpiresIn: 3600,
    mapTokenResponse: body => ({ ...Object(body), expires_in: undefined }),
  },
  setup: { rejectedStatus: 403, lifetimeMs: 3_600_000 },
  rejection: { status: 403, body: {} },
}

describe('a provider with another status for dead tokens, and no lifetime in its answers', () => {
  for (const { name, run } of contractOf(departing)) test(name, run)
})

/** The names of the cases that fail. */
async function failing(changes: Changes): Promise<string[]> {
  const results = contractOf(changes).map(async ({ name, run }) =>
    run().then(
      () => '',
      () => name,
    ),
  )
  return (await Promise.all(results)).filter(name => name !== '')
}

describe('a provider that does all of it', () => {
  for (const { name, run } of contractOf()) test(name, run)
})

describe('a provider that does not', () => {
  test.each<[string, Changes, string]>([
    [
      'recognises no rejection',
      { conform: { recognizeRejection: () => false } },
      'recognises a token the API rejects, and renews it once',
    ],
    [
      'takes refused credentials for transient',
      { conform: { classifyError: () => 'transient' } },
      'takes refused credentials for final, and shows none of them',
    ],
    [
      'takes a 503 for final',
      { conform: { classifyError: () => 'terminal' } },
      'takes a 503 for transient, and works again after it',
    ],
    [
      'takes a dead refresh token for a fault of the client',
      { conform: { classifyError: ({ status }) => (status < 500 ? 'terminal' : 'transient') } },
      'asks for a login when the refresh token is dead',
    ],
    [
      'overlooks the lifetime',
      { conform: { mapTokenResponse: body => ({ ...Object(body), expires_in: undefined }) } },
      'renews a token once it has expired',
    ],
    [
      'takes every token for expired',
      { conform: { mapTokenResponse: body => ({ ...Object(body), access_token: 'always-the-same' }) } },
      'obtains a token the API accepts',
    ],
    [
      'reads garbage as a token response',
      { conform: { mapTokenResponse: () => ({ token_type: 'Bearer' }) } },
      'reuses a token while it is good',
    ],
    [
      'authenticates in the body instead of the header',
      { inBody: true },
      'authenticates by its one method, in the body or the header and never in the URL',
    ],
    [
      'authenticates in the body by other names instead of the header',
      { ...renamed, setup: {} },
      'authenticates by its one method, in the body or the header and never in the URL',
    ],
    [
      'shows a secret in an error',
      { underTest: { secrets: ['invalid_client'] } },
      'takes refused credentials for final, and shows none of them',
    ],
    [
      'takes a wrong option',
      { setup: { wrongOptions: [{ option: 'tokenEndpoint', make: () => undefined }] } },
      'names the option that is wrong',
    ],
    [
      'names another option',
      {
        setup: {
          wrongOptions: [
            {
              option: 'tokenEndpoint',
              make() {
                throw optionError('issuer', 'is wrong')
              },
            },
          ],
        },
      },
      'names the option that is wrong',
    ],
    ['tries no wrong option', { setup: { wrongOptions: [] } }, 'names the option that is wrong'],
    [
      'says it has no refresh tokens, and takes the grant',
      { setup: { refreshTokens: false } },
      'has no refresh tokens, and refuses the grant before sending it',
    ],
    [
      'is rejected with another status than it says',
      { ...departing, setup: { lifetimeMs: 3_600_000 } },
      'recognises a token the API rejects, and renews it once',
    ],
    [
      'names no lifetime, nor does its setup',
      { ...departing, setup: { rejectedStatus: 403 } },
      'renews a token once it has expired',
    ],
    [
      'sends no refresh token',
      { conform: { encodeRequest: parameters => encodeForm({ ...parameters, refresh_token: undefined }) } },
      "renews a user's token by the refresh token",
    ],
    ['lacks a login', { underTest: { logIn: undefined } }, "renews a user's token by the refresh token"],
  ])('%s: its case fails', async (_, changes, name) => {
    expect(await failing(changes)).toContain(name)
  })
})

test('the server is disposed of after a case that fails, too', async () => {
  let disposed = 0
  const cases = contractOf({
    underTest: { secrets: ['invalid_client'] },
    onDispose: () => {
      disposed++
    },
  })
  const refused = cases.find(({ name }) => name.startsWith('takes refused credentials'))
  await expect(refused?.run()).rejects.toThrow('the error shows a secret')
  expect(disposed).toBe(1)
})

test('case names are unique', () => {
  const names = contractOf().map(({ name }) => name)
  expect(names).toEqual([...new Set(names)])
})
