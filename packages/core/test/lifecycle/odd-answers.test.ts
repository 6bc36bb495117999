/** A rotated refresh token is kept before anything else of the answer is judged, whatever else is wrong. */
import { describe, expect, test } from 'vitest'
import { createUserTokenSources } from '../../src/create-token-source.js'
import { memoryStore } from '../../src/store/memory-store.js'
import type { TransportResponse } from '../../src/transport.js'
import { json, rotate, setUp } from '../scripted-server.js'

const members = { access_token: 'at-odd', token_type: 'Bearer', expires_in: 3600, refresh_token: 'refresh-odd' }
const text = (body: string, status = 200): TransportResponse => ({
  status,
  headers: new Headers(),
  body: new TextEncoder().encode(body),
})

const odd: Readonly<Record<string, TransportResponse>> = {
  'an ID token that is false': json(200, { ...members, id_token: false }),
  'another token type': json(200, { ...members, token_type: 'DPoP' }),
  'no token type': json(200, { ...members, token_type: undefined }),
  'no access token': json(200, { ...members, access_token: undefined }),
  'an access token with a blank': json(200, { ...members, access_token: 'a b' }),
  'an error that says something': json(200, { ...members, error: 'partial' }),
  'invalid_grant beside it': json(400, { ...members, error: 'invalid_grant' }),
  'a status of failure': json(503, members),
  'a redirect': json(302, members),
  'the end cut off': text(JSON.stringify(members).slice(0, -1)),
  'a form around it': text(new URLSearchParams({ ...members, expires_in: '1' }).toString()),
}

describe('an answer is refused, its new refresh token is kept, and the old one is never sent again:', () => {
  for (const [name, answer] of Object.entries(odd))
    test(name, async () => {
      const store = memoryStore()
      const { client, another, server, clock } = setUp()
      const alice = createUserTokenSources({ client, store }).for(name)
      await alice.import({ refreshToken: 'refresh-first' })
      server.answer = () => answer
      await expect(alice.getTokenSet()).rejects.toMatchObject({
        code: expect.stringMatching(/^ERR_(TOKEN_RESPONSE|SERVER_REFUSED)$/),
      })
      server.answer = rotate()
      clock.advance(120_000)
      // another process, which knows what the store has
      const elsewhere = createUserTokenSources({ client: another(), store: { ...store } }).for(name)
      expect((await elsewhere.getTokenSet()).accessToken).toMatch(/^token-/)
      expect(server.requests.map(({ form }) => form.refresh_token)).toEqual(['refresh-first', 'refresh-odd'])
    })
})

describe('what says nothing beside the tokens refuses nothing:', () => {
  for (const error of ['', false, 0, null, [], {}])
    test(`error ${JSON.stringify(error)}`, async () => {
      const { client, server } = setUp(rotate({ error }))
      const alice = createUserTokenSources({ client, store: memoryStore() }).for('alice')
      await alice.import({ refreshToken: 'refresh-first' })
      expect((await alice.getTokenSet()).refreshToken).toBe('refresh-1')
      expect(server.requests).toHaveLength(1)
    })
})
