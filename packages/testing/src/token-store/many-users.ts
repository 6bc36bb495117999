/** Many users whose tokens come to a store at once, as when an application moves to it. */
import { createClient, createUserTokenSources, defineProvider, type TokenStore } from '@grantkit/core'

/**
 * Imports a refresh token for each of so many users in one loop, waiting for none before the next.
 *
 * @returns what went wrong, by its message, and how often; empty when nothing did
 */
export async function importAtOnce(count: number, store: TokenStore): Promise<Readonly<Record<string, number>>> {
  const metadata = { issuer: 'https://as.example', token_endpoint: 'https://as.example/token' }
  const transport = () => Promise.reject(new Error('nothing is to be sent'))
  const client = createClient({ provider: defineProvider({ name: 'example', metadata }), clientId: 'app', transport })
  const users = createUserTokenSources({ client, store })
  const imports = Array.from({ length: count }, (_, index) =>
    users.for(`user-${index}`).import({ refreshToken: `refresh-token-${index}` }),
  )
  const failures: Record<string, number> = {}
  for (const { reason } of (await Promise.allSettled(imports)) as PromiseRejectedResult[])
    if (reason !== undefined) failures[reason.message] = (failures[reason.message] ?? 0) + 1
  return failures
}
