/** Token sources as a program makes and asks them: `npm run typecheck` compiles this, nothing runs it. */
import { expectTypeOf } from 'vitest'
import {
  type Client,
  clientCredentials,
  createClient,
  createTokenSource,
  createUserTokenSources,
  type ManagedTokenSource,
  memoryStore,
  type Provider,
  TokenSet,
  type TokenSource,
  type TokenSourceOptions,
  type UserTokenSource,
} from '../../src/index.js'

declare const provider: Provider

// a client: the secret as text or as a function
const client = createClient({ provider, clientId: 'id', clientSecret: 's3cret' })
expectTypeOf(client).toEqualTypeOf<Client>()
createClient({ provider, clientId: 'id', clientSecret: () => 's3cret' })
createClient({ provider, clientId: 'id', clientSecret: async () => 's3cret', transport: { timeoutMs: 5_000 } })
// @ts-expect-error a client has an id
createClient({ provider, clientSecret: 's3cret' })
// @ts-expect-error a misspelt option
createClient({ provider, clientId: 'id', clientsecret: 's3cret' })
// @ts-expect-error certificates and CAs stand under `tls`, for proxies and addresses as well
createClient({ provider, clientId: 'id', transport: { ca: 'PEM' } })
// @ts-expect-error an unset environment variable is no secret
createClient({ provider, clientId: 'id', clientSecret: process.env.CLIENT_SECRET })

// an application's tokens
const source = createTokenSource({ client, grant: clientCredentials({ scope: ['a', 'b'] }), store: memoryStore() })
expectTypeOf(source).toEqualTypeOf<ManagedTokenSource>()
expectTypeOf(source.getTokenSet()).toEqualTypeOf<Promise<TokenSet>>()
expectTypeOf(source.headersFor('GET', 'https://api.example')).toEqualTypeOf<Promise<Record<string, string>>>()
expectTypeOf(source).toExtend<AsyncDisposable>()
source.getTokenSet({ signal: AbortSignal.timeout(1), force: true, rejected: 'token' })
// @ts-expect-error a signal is a member of the options
source.getTokenSet(AbortSignal.timeout(1))
// @ts-expect-error a grant is what is shown to the server, not its name
createTokenSource({ client, grant: 'client_credentials' })
// @ts-expect-error a source without a grant
createTokenSource({ client })
// @ts-expect-error only users redeem codes
source.redeem

// options are not changed by whoever was given them
declare const options: TokenSourceOptions
// @ts-expect-error
options.refreshBeforeMs = 0
// @ts-expect-error
options.origins?.push('https://api.example')
createTokenSource({ client, grant: clientCredentials(), origins: ['https://api.example'] as const })

// users' tokens, one view for each
const users = createUserTokenSources({ client, scope: 'openid' })
expectTypeOf(users.for('alice')).toEqualTypeOf<UserTokenSource>()
expectTypeOf(users.for('alice').import({ refreshToken: 'rt' })).toEqualTypeOf<Promise<void>>()
// @ts-expect-error each user has a name
users.for()
// @ts-expect-error the tokens of one user are asked of `for(subject)`
users.getTokenSet()
// @ts-expect-error a view has nothing to close
users.for('alice').close()
// @ts-expect-error users' tokens come from their logins, not from a grant
createUserTokenSources({ client, grant: clientCredentials() })

// a source of one's own is an object with one method
const own: TokenSource = {
  getTokenSet: async ({ signal } = {}) => {
    signal?.throwIfAborted()
    return new TokenSet({ accessToken: 'token', obtainedAt: 0 })
  },
}
expectTypeOf(source).toExtend<TokenSource>()
expectTypeOf(users.for('alice')).toExtend<TokenSource>()
expectTypeOf(users).not.toExtend<TokenSource>()
// @ts-expect-error a token set, not the text of a token
const text: TokenSource = { getTokenSet: async () => 'token' }
void [own, text]

// a token set is read by name, and not to be changed
declare const tokens: TokenSet
expectTypeOf(tokens.accessToken).toEqualTypeOf<string>()
expectTypeOf(tokens.refreshToken).toEqualTypeOf<string | undefined>()
expectTypeOf(tokens.expiresAt).toEqualTypeOf<number | undefined>()
expectTypeOf<TokenSet['tokenType']>().toEqualTypeOf<'Bearer' | 'DPoP'>()
// @ts-expect-error
tokens.accessToken = 'another'
// @ts-expect-error the answer's own name for it is `expires_in`, in seconds
tokens.expiresIn
