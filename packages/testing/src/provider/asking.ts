/** What cases ask of a provider's client, its server and its API, and what they look for in an error. */
import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { type Client, createTokenSource, type TokenSet, type TokenSource } from '@grantkit/core'
import { type Attached, type AttachResponse, attach, parseOrigins } from '@grantkit/core/kit'
import type { ProviderContractSetup, ProviderUnderTest, RequestReceived } from './provider-under-test.js'

export function applicationTokens({ client, grant }: ProviderUnderTest, other: Client = client): TokenSource {
  return createTokenSource({ client: other, grant })
}

export function tokenRequests({ system }: ProviderUnderTest): readonly RequestReceived[] {
  return system.requests.filter(({ kind }) => kind === 'token')
}

interface ApiAnswer {
  readonly status: number
  readonly wwwAuthenticate: string | undefined
  readonly body: string
}

export async function callApi(
  { client, system }: ProviderUnderTest,
  headers: Readonly<Record<string, string>>,
): Promise<ApiAnswer> {
  const answer = await client.transport({ method: 'GET', url: system.apiUrl, headers })
  const wwwAuthenticate = answer.headers.get('www-authenticate') ?? undefined
  return { status: answer.status, wwwAuthenticate, body: new TextDecoder().decode(answer.body) }
}

export async function callWith(
  provider: ProviderUnderTest,
  source: TokenSource,
): Promise<{ readonly answer: ApiAnswer; readonly attached: Attached }> {
  const { apiUrl } = provider.system
  const attached = await attach(source, parseOrigins([new URL(apiUrl).origin]), { method: 'GET', url: apiUrl })
  return { answer: await callApi(provider, attached.headers), attached }
}

export function responseOf({ status, wwwAuthenticate, body }: ApiAnswer): AttachResponse {
  return { status, wwwAuthenticate, body: async () => body }
}

export function lifetimeOf({ obtainedAt, expiresAt }: TokenSet, { lifetimeMs }: ProviderContractSetup): number {
  const known = expiresAt === undefined ? lifetimeMs : expiresAt - obtainedAt
  assert.ok(known !== undefined, 'the token has no known end: lifetimeMs is needed')
  return known
}

export function assertShowsNothing(error: unknown, secrets: readonly string[]): void {
  const shown = [inspect(error, { depth: 10, showHidden: true }), JSON.stringify(error), String(error)].join('\n')
  for (const secret of secrets.filter(one => one !== ''))
    for (const form of [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64')])
      assert.ok(!shown.includes(form), 'the error shows a secret')
}
