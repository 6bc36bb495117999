/** What every provider must do, as named cases for any test runner: against a real server, with a clock moved by hand. */
import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import {
  AuthorizationServerError,
  type Client,
  createTokenSource,
  createUserTokenSources,
  type Grant,
  LoginRequiredError,
  refreshToken,
  TokenResponseError,
  type TokenSet,
  type TokenSource,
} from '@grantkit/core'
import { type Attached, type AttachResponse, attach, parseOrigins } from '@grantkit/core/kit'
import { rejection } from './answering.js'

/** A test by its name; `run` rejects when the provider does not do what the name says. */
export interface ContractCase {
  /** What holds when it passes. */
  readonly name: string
  /** Runs it; rejects when it does not hold. */
  readonly run: () => Promise<void>
}

/** What the contract needs to know beforehand. What a server cannot do is said here, by name. */
export interface ProviderContractSetup {
  /** Starts a server with nothing in it. Called for every case; what it returns is disposed of after the case. */
  readonly start: () => Promise<ProviderUnderTest>
  /** The method its clients use, by its name in `token_endpoint_auth_methods_supported`: the only one a request may show. */
  readonly authMethod: string
  /** The status refused client credentials get. Default 401. */
  readonly refusedStatus?: number | undefined
  /** The status an API gives a dead token. Default 401. */
  readonly rejectedStatus?: number | undefined
  /** How long its tokens live, in milliseconds, where its answers do not say. Needed there, and unused elsewhere. */
  readonly lifetimeMs?: number | undefined
  /** Whether users' tokens are renewed by a refresh token; then `logIn` is needed. Default `true`. */
  readonly refreshTokens?: boolean | undefined
  /** Each makes a provider or a client with one option that is wrong, which the `TypeError` has to name. */
  readonly wrongOptions: readonly WrongOption[]
}

/** An option that is refused when the provider or the client is made. */
export interface WrongOption {
  /** Its name, as the error has it. */
  readonly option: string
  /** Makes the provider or the client; has to throw. */
  readonly make: () => unknown
}

/** A running server and a client of it. The client's clock and the server's move together. */
export interface ProviderUnderTest extends AsyncDisposable {
  /** The server. */
  readonly system: SystemUnderTest
  /** A client with good credentials. Its transport calls the API too. */
  readonly client: Client
  /** The same with credentials the server refuses. */
  readonly clientWithWrongCredentials: Client
  /** The grant of an application token that the API accepts. */
  readonly grant: Grant
  /** A user logs in: the grant that redeems the code of it. Needed unless `refreshTokens` is `false`. */
  readonly logIn?: (() => Grant) | undefined
  /** Moves the time of client and server, in milliseconds. */
  readonly advance: (milliseconds: number) => void
  /** Everything that may appear in no error: secrets, keys, passphrases. The client secret is known in a request by it. */
  readonly secrets: readonly string[]
}

/** A server that keeps a record and can be disturbed; a system of `@grantkit/sandbox` is one. */
export interface SystemUnderTest {
  /** A protected resource that answers GET with 200 when the token is good. */
  readonly apiUrl: string
  /** Every request received, oldest first. */
  readonly requests: readonly RequestReceived[]
  /** Answers the next request to the token endpoint with this instead of handling it. */
  fail(fault: SpoiltAnswer): unknown
  /** Kills an access or a refresh token, as an administrator would. */
  revoke(token: string): unknown
}

/** A request as the server saw it. */
export interface RequestReceived {
  /** `token` for the token endpoint; the contract looks at no other. */
  readonly kind: string
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  /** The members of the form or JSON body. */
  readonly parameters: Readonly<Record<string, string>>
  /** The raw query, without `?`. */
  readonly query: string
}

/** An answer in place of the server's own. */
export interface SpoiltAnswer {
  /** The one kind of fault that the contract asks for, as `@grantkit/sandbox` names it. */
  readonly kind: 'status'
  /** The HTTP status. */
  readonly status: number
  /** Default: none. */
  readonly headers?: Readonly<Record<string, string>>
  /** As text. Default: none. */
  readonly body?: string
}

/**
 * The cases: loop over them with any runner, as `for (const { name, run } of providerContract(setup)) test(name, run)`.
 *
 * @throws nothing; a case's `run` rejects with an `AssertionError`
 */
export function providerContract(setup: ProviderContractSetup): readonly ContractCase[] {
  const cases = [...everyProvider, ...(setup.refreshTokens === false ? withoutRefreshTokens : withRefreshTokens)]
  return cases.map(({ name, run }) => ({
    name,
    async run() {
      const provider = await setup.start()
      try {
        await run(provider, setup)
      } finally {
        await provider[Symbol.asyncDispose]()
      }
    },
  }))
}

interface Case {
  readonly name: string
  readonly run: (provider: ProviderUnderTest, setup: ProviderContractSetup) => Promise<void>
}

const everyProvider: readonly Case[] = [
  {
    name: 'obtains a token the API accepts',
    async run(provider) {
      const source = applicationTokens(provider)
      assert.equal((await callWith(provider, source)).answer.status, 200)
    },
  },
  {
    name: 'reuses a token while it is good',
    async run(provider) {
      const source = applicationTokens(provider)
      const first = await source.getTokenSet()
      const second = await source.getTokenSet()
      assert.equal(second.accessToken, first.accessToken)
      assert.equal(tokenRequests(provider).length, 1)
    },
  },
  {
    name: 'renews a token once it has expired',
    async run(provider, setup) {
      const source = applicationTokens(provider)
      const first = await source.getTokenSet()
      provider.advance(lifetimeOf(first, setup) + 1000)
      const { answer } = await callWith(provider, source)
      assert.equal(answer.status, 200)
      assert.notEqual((await source.getTokenSet()).accessToken, first.accessToken)
      assert.equal(tokenRequests(provider).length, 2)
    },
  },
  {
    name: 'recognises a token the API rejects, and renews it once',
    async run(provider, { rejectedStatus = 401 }) {
      const source = applicationTokens(provider)
      provider.system.revoke((await source.getTokenSet()).accessToken)
      const { answer, attached } = await callWith(provider, source)
      assert.equal(answer.status, rejectedStatus)
      const headers = await attached.replay(responseOf(answer), true)
      assert.ok(headers, 'the request was not replayed')
      assert.equal((await callApi(provider, headers)).status, 200)
      assert.equal(tokenRequests(provider).length, 2)
    },
  },
  {
    name: 'replays a request once, and returns the second 401',
    async run(provider) {
      const source = applicationTokens(provider)
      provider.system.revoke((await source.getTokenSet()).accessToken)
      const { answer, attached } = await callWith(provider, source)
      assert.ok(await attached.replay(responseOf(answer), true))
      assert.equal(await attached.replay(responseOf(answer), true), undefined)
      assert.equal(tokenRequests(provider).length, 2)
    },
  },
  {
    name: 'asks for no token when the rejected one was replaced already',
    async run(provider) {
      const source = applicationTokens(provider)
      const { accessToken: rejected } = await source.getTokenSet()
      provider.system.revoke(rejected)
      const fresh = await source.getTokenSet({ rejected })
      const again = await source.getTokenSet({ rejected })
      assert.notEqual(fresh.accessToken, rejected)
      assert.equal(again.accessToken, fresh.accessToken)
      assert.equal(tokenRequests(provider).length, 2)
    },
  },
  {
    name: 'takes refused credentials for final, and shows none of them',
    async run(provider, { refusedStatus = 401 }) {
      const source = applicationTokens(provider, provider.clientWithWrongCredentials)
      const error = await rejection(source.getTokenSet())
      assert.ok(error instanceof AuthorizationServerError, inspect(error))
      assert.equal(error.serverStatus, refusedStatus)
      assert.ok(['invalid_client', 'terminal'].includes(error.kind), error.kind)
      assert.equal(error.retryable, false)
      assertShowsNothing(error, provider.secrets)
      assert.equal(tokenRequests(provider).length, 1)
    },
  },
  {
    name: 'takes a 503 for transient, and works again after it',
    async run(provider) {
      provider.system.fail({ kind: 'status', status: 503 })
      const source = applicationTokens(provider)
      const error = await rejection(source.getTokenSet())
      assert.ok(error instanceof AuthorizationServerError, inspect(error))
      assert.equal(error.kind, 'transient')
      assert.equal(error.retryable, true)
      provider.advance(60_000)
      assert.equal((await callWith(provider, source)).answer.status, 200)
    },
  },
  {
    name: 'honours Retry-After of a 429',
    async run(provider) {
      provider.system.fail({ kind: 'status', status: 429, headers: { 'retry-after': '120' } })
      const source = applicationTokens(provider)
      const error = await rejection(source.getTokenSet())
      assert.ok(error instanceof AuthorizationServerError, inspect(error))
      assert.equal(error.retryAfterMs, 120_000)
      provider.advance(110_000)
      assert.equal(await rejection(source.getTokenSet()), error)
      assert.equal(tokenRequests(provider).length, 1)
      provider.advance(11_000)
      assert.equal((await callWith(provider, source)).answer.status, 200)
    },
  },
  {
    name: 'refuses an answer that is no token response, and shows none of it',
    async run(provider) {
      provider.system.fail({
        kind: 'status',
        status: 200,
        headers: { 'content-type': 'text/html' },
        body: '<h1>garbage-body</h1>',
      })
      const error = await rejection(applicationTokens(provider).getTokenSet())
      assert.ok(error instanceof TokenResponseError, inspect(error))
      assertShowsNothing(error, [...provider.secrets, 'garbage-body'])
    },
  },
  {
    name: 'authenticates by its one method, in the body or the header and never in the URL',
    async run(provider, { authMethod }) {
      await applicationTokens(provider).getTokenSet()
      const [request] = tokenRequests(provider)
      assert.ok(request)
      assert.deepEqual(methodsIn(request, provider.secrets), methodsWithTraces.includes(authMethod) ? [authMethod] : [])
      assert.equal(request.query, '')
    },
  },
  {
    name: 'names the option that is wrong',
    async run(_, { wrongOptions }) {
      assert.ok(wrongOptions.length > 0, 'wrongOptions is empty')
      for (const { option, make } of wrongOptions)
        assert.throws(make, (error: unknown) => {
          assert.ok(error instanceof TypeError, inspect(error))
          assert.equal((error as TypeError & { option?: string }).option, option)
          return true
        })
    },
  },
]

const withRefreshTokens: readonly Case[] = [
  {
    name: "renews a user's token by the refresh token",
    async run(provider, setup) {
      const { source, first } = await loggedIn(provider)
      provider.advance(lifetimeOf(first, setup) + 1000)
      const second = await source.getTokenSet()
      assert.notEqual(second.accessToken, first.accessToken)
      const [, refresh] = tokenRequests(provider)
      const { grant_type: grantType = 'refresh_token', ...parameters } = refresh?.parameters ?? {}
      assert.equal(grantType, 'refresh_token')
      // by its value, whatever the server calls it
      assert.ok(Object.values(parameters).includes(first.refreshToken ?? ''), 'the refresh token was not sent')
      assert.equal((await callApi(provider, bearer(second.accessToken))).status, 200)
    },
  },
  {
    name: 'asks for a login when the refresh token is dead',
    async run(provider, setup) {
      const { source, first } = await loggedIn(provider)
      provider.system.revoke(first.refreshToken ?? '')
      provider.advance(lifetimeOf(first, setup) + 1000)
      const error = await rejection(source.getTokenSet())
      assert.ok(error instanceof LoginRequiredError, inspect(error))
      assert.equal(error.subject, 'the user')
      assertShowsNothing(error, [...provider.secrets, first.accessToken, first.refreshToken ?? ''])
      await assert.rejects(source.getTokenSet(), LoginRequiredError)
      assert.equal(tokenRequests(provider).length, 2)
    },
  },
]

const withoutRefreshTokens: readonly Case[] = [
  {
    name: 'has no refresh tokens, and refuses the grant before sending it',
    async run(provider) {
      const { client } = provider
      const tokenSet = await applicationTokens(provider).getTokenSet()
      assert.equal(tokenSet.refreshToken, undefined)
      assert.equal(client.provider.metadata.grant_types_supported?.includes('refresh_token'), false)
      const error = await rejection(
        createUserTokenSources({ client })
          .for('the user')
          .redeem(refreshToken({ refreshToken: 'there-is-none' })),
      )
      assert.ok(error instanceof TypeError, inspect(error))
      assert.equal((error as TypeError & { option?: string }).option, 'grant')
      assert.equal(tokenRequests(provider).length, 1)
    },
  },
]

function applicationTokens({ client, grant }: ProviderUnderTest, other: Client = client): TokenSource {
  return createTokenSource({ client: other, grant })
}

function tokenRequests({ system }: ProviderUnderTest): readonly RequestReceived[] {
  return system.requests.filter(({ kind }) => kind === 'token')
}

async function loggedIn({ client, logIn }: ProviderUnderTest) {
  assert.ok(logIn, 'logIn is needed; a provider without refresh tokens sets refreshTokens to false')
  const source = createUserTokenSources({ client }).for('the user')
  const first = await source.redeem(logIn())
  assert.ok(first.refreshToken, 'the server sent no refresh token')
  return { source, first }
}

interface ApiAnswer {
  readonly status: number
  readonly wwwAuthenticate: string | undefined
  readonly body: string
}

async function callApi(
  { client, system }: ProviderUnderTest,
  headers: Readonly<Record<string, string>>,
): Promise<ApiAnswer> {
  const answer = await client.transport({ method: 'GET', url: system.apiUrl, headers })
  const wwwAuthenticate = answer.headers.get('www-authenticate') ?? undefined
  return { status: answer.status, wwwAuthenticate, body: new TextDecoder().decode(answer.body) }
}

async function callWith(
  provider: ProviderUnderTest,
  source: TokenSource,
): Promise<{ readonly answer: ApiAnswer; readonly attached: Attached }> {
  const { apiUrl } = provider.system
  const attached = await attach(source, parseOrigins([new URL(apiUrl).origin]), { method: 'GET', url: apiUrl })
  return { answer: await callApi(provider, attached.headers), attached }
}

function responseOf({ status, wwwAuthenticate, body }: ApiAnswer): AttachResponse {
  return { status, wwwAuthenticate, body: async () => body }
}

function bearer(accessToken: string): Record<string, string> {
  return { authorization: `Bearer ${accessToken}` }
}

function lifetimeOf({ obtainedAt, expiresAt }: TokenSet, { lifetimeMs }: ProviderContractSetup): number {
  const known = expiresAt === undefined ? lifetimeMs : expiresAt - obtainedAt
  assert.ok(known !== undefined, 'the token has no known end: lifetimeMs is needed')
  return known
}

/** Methods that leave a trace in headers or body; a certificate leaves none there. */
const methodsWithTraces = ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'client_secret_jwt']

/** A secret in the body is known by its value: servers have names of their own for it. */
function methodsIn({ headers, parameters }: RequestReceived, secrets: readonly string[]): string[] {
  const [names, values] = [Object.keys(parameters), Object.values(parameters)]
  const assertion = parameters.client_assertion
  return [
    headers.authorization !== undefined && 'client_secret_basic',
    (values.some(value => secrets.includes(value)) || names.some(name => /^client_?secret$/i.test(name))) &&
      'client_secret_post',
    assertion !== undefined && (/^HS/.test(algorithmOf(assertion)) ? 'client_secret_jwt' : 'private_key_jwt'),
  ].filter(method => method !== false)
}

function algorithmOf(jwt: string): string {
  return JSON.parse(Buffer.from(jwt.split('.')[0] ?? '', 'base64url').toString()).alg
}

function assertShowsNothing(error: unknown, secrets: readonly string[]): void {
  const shown = [inspect(error, { depth: 10, showHidden: true }), JSON.stringify(error), String(error)].join('\n')
  for (const secret of secrets.filter(one => one !== ''))
    for (const form of [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64')])
      assert.ok(!shown.includes(form), 'the error shows a secret')
}
