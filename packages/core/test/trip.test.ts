import { describe, expect, test } from 'vitest'
import { clientCredentials, createTokenSource } from '../src/index.js'
import {
  Attachments,
  type Attempt,
  attachmentFor,
  hasHeader,
  type Refused,
  readAttachment,
  type Sending,
  type SourceOf,
  Trip,
} from '../src/kit.js'
import { refuse, type Setup, setUp } from './scripted-server.js'

const api = 'https://api.example'
const other = 'https://other.example'
const url = `${api}/accounts`
const attaching = { maker: 'attach', order: 'attach(source)', agentOf: () => 'agent' }

const sourceOf = ({ client }: Pick<Setup, 'client'>) => createTokenSource({ client, grant: clientCredentials() })
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

const unauthorized: Refused = {
  status: 401,
  header: name => (name === 'www-authenticate' ? 'Bearer error="invalid_token"' : undefined),
  body: async () => '',
}

interface Options {
  readonly origins?: readonly string[]
  readonly otherOrigins?: 'refuse' | 'pass-through'
}

function attachmentsOf(source: SourceOf<never>, { origins = [api], otherOrigins }: Options = {}) {
  return new Attachments([readAttachment(attaching, source, { origins, otherOrigins })])
}

const tripOf = (setup: Setup, options?: Options) => new Trip(attachmentsOf(sourceOf(setup), options), { url })

/** Headers of the caller's stand in `own`. */
function sending(members: Partial<Sending> = {}, own: readonly string[] = []): Sending {
  return { method: 'GET', url, request: undefined, has: name => own.includes(name), ...members }
}

describe('the headers of what is sent', () => {
  test('are the token, and what the provider wants, in small letters', async () => {
    const setup = setUp(undefined, {}, { resourceHeaders: { 'X-Api-Version': '2' } })
    expect(await tripOf(setup).headersFor(sending(), 'first')).toEqual({ ...bearer('token-1'), 'x-api-version': '2' })
  })

  test('leave out what the caller set', async () => {
    const setup = setUp(undefined, {}, { resourceHeaders: { 'X-Api-Version': '2' } })
    expect(await tripOf(setup).headersFor(sending({}, ['x-api-version']), 'first')).toEqual(bearer('token-1'))
  })

  test('keep the answer from caches where there may be one, unless the caller has a word of their own', async () => {
    const trip = tripOf(setUp())
    const kept = { ...bearer('token-1'), 'cache-control': 'no-store' }
    expect(await trip.headersFor(sending({ mayBeKept: true }), 'first')).toEqual(kept)
    expect(await trip.headersFor(sending({ mayBeKept: true }, ['cache-control']), 'retry')).toEqual(bearer('token-1'))
  })

  for (const [name, own] of Object.entries({
    'an Authorization header': sending({}, ['authorization']),
    'user information in the URL': sending({ url: 'https://ann:pw@api.example/' }),
    'a name alone in the URL': sending({ url: new URL('https://ann@api.example/') }),
  }))
    test(`are none beside a credential of the caller’s own, whose answers are not looked at: ${name}`, async () => {
      const setup = setUp()
      const trip = tripOf(setup)
      expect(await trip.headersFor(own, 'first')).toEqual({})
      expect(trip.bringsOwn).toBe(true)
      expect(trip.concerns(unauthorized)).toBe(false)
      expect(await trip.decide(unauthorized, true)).toBe(false)
      expect(setup.server.requests).toHaveLength(0)
    })

  test('stay away once a credential of the caller’s own was there, though a hop has lost it', async () => {
    const trip = tripOf(setUp(), { origins: [api, other] })
    await trip.headersFor(sending({}, ['authorization']), 'first')
    expect(await trip.headersFor(sending({ url: other }), 'redirect')).toEqual({})
  })

  test('ask an object for what they need to know, be it a member or worked out when it is asked for', async () => {
    const request = new (class implements Sending {
      readonly method = 'GET'
      readonly request = undefined
      readonly #own = 'x-api-version'
      get url() {
        return url
      }
      get mayBeKept() {
        return true
      }
      has(name: string) {
        return name === this.#own
      }
    })()
    const setup = setUp(undefined, {}, { resourceHeaders: { 'X-Api-Version': '2' } })
    const attachments = attachmentsOf(sourceOf(setup))
    const trip = new Trip(attachments, request)
    const ours = { ...bearer('token-1'), 'cache-control': 'no-store' }
    expect(await trip.headersFor(request, 'first')).toEqual(ours)
    expect(trip.headersOnward(request)).toEqual(ours)
    expect(attachmentFor(attachments, request)).toBe(trip.attachment)
  })

  test('are of the source that the function chooses by the library’s request', async () => {
    const users: Record<string, ReturnType<typeof sourceOf>> = { ann: sourceOf(setUp()) }
    const asked: unknown[] = []
    const attachments = attachmentsOf((request: string) => {
      asked.push(request)
      return users[request] as never
    })
    expect(await new Trip(attachments, { url }).headersFor(sending({ request: 'ann' }), 'first')).toEqual(
      bearer('token-1'),
    )
    expect(asked).toEqual(['ann'])
  })

  test('fail with what the source throws', async () => {
    const headers = tripOf(setUp(refuse(401, 'invalid_client'))).headersFor(sending(), 'first')
    await expect(headers).rejects.toMatchObject({ error: 'invalid_client' })
  })

  test('are told to be asked for with the signal', async () => {
    const signal = AbortSignal.abort(new Error('gone'))
    await expect(tripOf(setUp()).headersFor(sending({ signal }), 'first')).rejects.toThrow('gone')
  })

  test('are asked for with a signal that is made once they are, for the first token and for the next', async () => {
    const source = sourceOf(setUp())
    const aborter = new AbortController()
    let made = 0
    const waiting = sending({
      makeSignal() {
        made++
        return aborter.signal
      },
    })
    await new Trip(attachmentsOf(source), { url }).headersFor(waiting, 'first')
    expect(made).toBe(1)
    // a first answer is taken note of before it is known to be good for others
    await source.getTokenSet()
    const trip = new Trip(attachmentsOf(source), { url })
    expect(trip.headersFor(waiting, 'first')).toEqual(bearer('token-1'))
    expect(made).toBe(1)
    aborter.abort(new Error('gone'))
    await expect(trip.decide(unauthorized, true)).rejects.toThrow('gone')
  })
})

describe('a URL that may not have them', () => {
  const elsewhere = { url: `${other}/` }

  test('is refused before anything is asked for', () => {
    const setup = setUp()
    const attachments = attachmentsOf(sourceOf(setup))
    expect(() => new Trip(attachments, elsewhere)).toThrow(expect.objectContaining({ code: 'ERR_ORIGIN' }))
    expect(setup.server.requests).toHaveLength(0)
  })

  test('passes through with nothing, and so does wherever it is sent on to', async () => {
    const attachments = attachmentsOf(sourceOf(setUp()), { otherOrigins: 'pass-through' })
    const trip = new Trip(attachments, elsewhere)
    expect([trip.attachment, await trip.headersFor(sending(elsewhere), 'first')]).toEqual([undefined, {}])
    expect(await trip.headersFor(sending(), 'redirect')).toEqual({})
    expect(await trip.headersFor(sending(), 'retry')).toEqual({})
  })
})

describe('a redirect', () => {
  test('keeps the token within the origins', async () => {
    const trip = tripOf(setUp(), { origins: [api, other] })
    await trip.headersFor(sending(), 'first')
    expect(await trip.headersFor(sending({ url: other }), 'redirect')).toEqual(bearer('token-1'))
    expect(trip.attachment?.agent).toBeUndefined()
  })

  test('is answered at once, for libraries that cannot wait', async () => {
    const trip = tripOf(setUp())
    await trip.headersFor(sending(), 'first')
    expect(trip.headersOnward(sending({ url: `${api}/elsewhere` }))).toEqual(bearer('token-1'))
  })

  const afterwards: readonly Attempt[] = ['redirect', 'retry', 'replay']
  for (const attempt of afterwards)
    test(`that left the origins gets nothing back, coming back included: ${attempt}`, async () => {
      const trip = tripOf(setUp())
      await trip.headersFor(sending(), 'first')
      expect(await trip.headersFor(sending({ url: other }), 'redirect')).toEqual({})
      expect(await trip.headersFor(sending(), attempt)).toEqual({})
      expect(trip.attachment).toBeUndefined()
    })

  test('that left them leads to answers that are not looked at', async () => {
    const setup = setUp()
    const trip = tripOf(setup)
    await trip.headersFor(sending(), 'first')
    await trip.headersFor(sending({ url: other }), 'redirect')
    expect([trip.concerns(unauthorized), await trip.decide(unauthorized, true)]).toEqual([false, false])
    expect(setup.server.requests).toHaveLength(1)
  })

  test('to the origin of another source gets nothing of that one either', async () => {
    const [mine, theirs] = [setUp(), setUp()]
    const attachments = attachmentsOf(sourceOf(mine))
    attachments.add(readAttachment(attaching, sourceOf(theirs), { origins: [other] }))
    const trip = new Trip(attachments, { url })
    await trip.headersFor(sending(), 'first')
    expect(await trip.headersFor(sending({ url: other }), 'redirect')).toEqual({})
    expect(theirs.server.requests).toHaveLength(0)
  })
})

describe('an answer', () => {
  test('is looked at when it may reject the token', async () => {
    const trip = tripOf(setUp())
    await trip.headersFor(sending(), 'first')
    expect([200, 302, 401, 403].map(status => trip.concerns({ ...unauthorized, status }))).toEqual([
      false,
      false,
      true,
      false,
    ])
  })

  test('that rejects the token has the request sent once more, with a new one, and no third time', async () => {
    const trip = tripOf(setUp())
    await trip.headersFor(sending(), 'first')
    expect(await trip.decide(unauthorized, true)).toBe(true)
    expect(await trip.headersFor(sending(), 'replay')).toEqual(bearer('token-2'))
    expect(await trip.decide(unauthorized, true)).toBe(false)
  })

  test('to what cannot be sent again is returned, and the next request has a new token', async () => {
    const setup = setUp()
    const attachments = attachmentsOf(sourceOf(setup))
    const trip = new Trip(attachments, { url })
    await trip.headersFor(sending(), 'first')
    expect(await trip.decide(unauthorized, false)).toBe(false)
    expect(await new Trip(attachments, { url }).headersFor(sending(), 'first')).toEqual(bearer('token-2'))
  })

  test('is decided on once, however many ask', async () => {
    const setup = setUp()
    const trip = tripOf(setup)
    await trip.headersFor(sending(), 'first')
    await trip.decide(unauthorized, false)
    expect([await trip.decide(unauthorized, true), trip.concerns(unauthorized)]).toEqual([false, false])
    expect(setup.server.requests).toHaveLength(2)
  })
})

describe('the library’s own retry', () => {
  test('asks the source again, and may be sent once more itself', async () => {
    // of its own, since that an origin rejects new tokens is remembered
    const there = { url: 'https://retried.example/' }
    const trip = new Trip(attachmentsOf(sourceOf(setUp()), { origins: [there.url] }), there)
    await trip.headersFor(sending(there), 'first')
    await trip.decide(unauthorized, false)
    expect(await trip.headersFor(sending(there), 'retry')).toEqual(bearer('token-2'))
    expect(await trip.decide(unauthorized, true)).toBe(true)
    expect(await trip.headersFor(sending(there), 'replay')).toEqual(bearer('token-3'))
  })

  for (const attempt of ['retry', 'replay'] as const)
    test(`that a hook moved elsewhere is looked up anew: ${attempt}`, async () => {
      const refusing = tripOf(setUp())
      await refusing.headersFor(sending(), 'first')
      expect(() => refusing.headersFor(sending({ url: other }), attempt)).toThrow(
        expect.objectContaining({ code: 'ERR_ORIGIN' }),
      )
      const passing = tripOf(setUp(), { otherOrigins: 'pass-through' })
      await passing.headersFor(sending(), 'first')
      expect(await passing.headersFor(sending({ url: other }), attempt)).toEqual({})
    })
})

describe('attachmentFor', () => {
  const attachments = attachmentsOf(sourceOf(setUp()))

  test('tells whose token a request would get', () => {
    expect(attachmentFor(attachments, sending())).toBe([...attachments][0])
  })

  for (const [name, request] of Object.entries({
    'to another origin': sending({ url: other }),
    'to a socket of this machine': sending({ isSocket: true }),
    'with a credential of the caller’s own': sending({}, ['authorization']),
  }))
    test(`tells, and refuses nothing, that it would get none: ${name}`, () => {
      expect(attachmentFor(attachments, request)).toBeUndefined()
    })
})

describe('hasHeader', () => {
  test('finds a header by its name in small letters, however it is spelt', () => {
    const headers = { 'X-Own': 'a', Authorization: undefined, Empty: '' }
    expect(['x-own', 'authorization', 'empty', 'x-ow', 'x-other'].map(name => hasHeader(headers, name))).toEqual([
      true,
      false,
      true,
      false,
      false,
    ])
    expect(hasHeader(undefined, 'x-own')).toBe(false)
  })
})
