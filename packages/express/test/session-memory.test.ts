/** What a session that nobody uses at the moment costs, beside its tokens. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createClient, defineProvider, memoryStore, TokenSet } from '@grantkit/core'
import { expect, test } from 'vitest'
import { sessionsInStore } from '../src/session/session-in-store.js'

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

function heap(): number {
  collect()
  collect()
  return process.memoryUsage().heapUsed
}

const sessions = 1_000
const tokenSet = new TokenSet({
  accessToken: 'a',
  obtainedAt: 0,
  idTokenClaims: { iss: 'https://as.example', sub: 'u', aud: 'app', exp: 1, iat: 0, sid: 's' },
})

test.each([
  ['without', false],
  ['with', true],
])('is at most 3 KB for each of 1,000 sessions, %s the server’s word about logouts', async (_, isToldOfLogouts) => {
  const provider = defineProvider({
    name: 'as',
    metadata: { issuer: 'https://as.example', token_endpoint: 'https://as.example/token' },
  })
  const client = createClient({ provider, clientId: 'app' })
  const store = memoryStore()
  const parts = { client, store, app: 'app', origins: undefined, absoluteMs: 86_400_000, keepsIdToken: false }
  const tokens = sessionsInStore({ ...parts, isToldOfLogouts })
  const begin = async (id: string) => {
    const now = Date.now()
    const askedFor = { scope: [], furtherScope: [], acrValues: [] }
    const session = { id, claims: {}, loggedInAt: now, seenAt: now, endsAt: now + 86_400_000, askedFor }
    const claims = { ...tokenSet.idTokenClaims, sub: `user-${id}`, sid: `session-${id}` }
    await tokens.begin(session, new TokenSet({ ...tokenSet, accessToken: 'a', idTokenClaims: claims as never }))
    expect(await tokens.find(session)).toBeDefined()
  }
  for (let count = 0; count < 100; count++) await begin(`warm-${count}`)

  const before = heap()
  for (let count = 0; count < sessions; count++) await begin(`session-${count}`)
  const each = (heap() - before) / sessions

  expect(each).toBeLessThan(3 * 1024)
  expect(await store.get('keeps it in memory')).toBeUndefined()
})
