/** The contract passes for a good client, and its cases fail for the faults they are there for. */
import { describe, expect, test } from 'vitest'
import { type ForeignTraffic, type HttpClientSetup, httpClientContract } from '../src/index.js'
import { type Fault, tinyClient } from './tiny-client.js'

const proxyCase = 'takes nothing of ours to another origin through a proxy, nor to the proxy itself'
const cannot = { [proxyCase]: 'it takes no proxy' }

describe('a client that does all of it', () => {
  for (const { name, run } of httpClientContract({ create: tinyClient(), cannot })) test(name, run)
})

const faults: Readonly<Record<Fault, readonly string[]>> = {
  'attaches nothing': ['sends the token, and the headers the provider wants', 'asks for the source of each request'],
  'a token request per call': ['reuses a token for every request', 'makes one token request for 1,000 callers at once'],
  'one token for ever': ['sends no expired token'],
  'checks no origin': [
    'sends nothing to an absolute URL in place of a path',
    'sends nothing to a host with ideographic dots',
    'sends nothing to a protocol-relative URL',
    'passes a request through to another port with nothing of ours',
    "refuses other origins a request with the caller's own Authorization too",
  ],
  'compares origins as text': [
    'passes a request through to http where https is listed with nothing of ours',
    'passes a request through to the API in the path with nothing of ours',
    'passes a request through to the API in the query with nothing of ours',
  ],
  'checks another URL than it sends': [
    'sends nothing to a URL without its slashes',
    'sends nothing to a path that continues the base URL as a host',
    'passes a request through to a path that continues the base URL as a host with nothing of ours',
  ],
  'passes nothing through': ['passes a request through with its body, and asks for no token'],
  'the first source serves all': [
    'serves each origin from its own source',
    'renews the rejected token of one source, and leaves the other alone',
  ],
  'overwrites what the caller set': [
    "leaves a caller's own Authorization as it is, and asks for no token",
    "returns the 401 of a caller's own Authorization, and renews nothing",
    "leaves a caller's own value of a header the provider wants",
    "leaves a caller's own proof as it is",
    "proves nothing beside a caller's own Authorization",
  ],
  'sends without a token when none can be had': [
    'fails the request when no token can be had, and says why',
    'works again after a failure to get a token',
  ],
  'errors without a cause': [
    'fails the request when no token can be had, and says why',
    'fails the request when no new token can be had, and says why',
    'keeps the cause of a failure to get a token',
  ],
  'errors with the request': [
    'shows no secret in the error of a cut connection',
    'shows no secret in the error of a redirect to nowhere',
    'shows no secret in the error of an abort',
    'shows no proof in the error of a cut connection',
    'shows no proof in the error of a redirect to nowhere',
  ],
  'never replays': [
    'sends a request with a JSON body once more, the same, when its token is rejected',
    'sends a request once more without a token request when its token was replaced already',
    'sends everything in flight once more after one renewal',
  ],
  'replays twice': [
    'returns a second 401 as it is, and keeps the new token',
    'hands on the second 401 of an API that rejects every DPoP token',
  ],
  'replays every 401': [
    'renews nothing because of a proof that an API does not take',
    'returns a 401 with insufficient_scope, and renews nothing',
    "returns an application's 401 with insufficient_user_authentication, and renews nothing",
    "fails a user's request with what the API wants of a login, and renews nothing",
    'makes one token request in some minutes for an API that answers every token by a 401 without a challenge',
    'makes one token request in some minutes for an API that answers every token by a 401 with a challenge that nobody can read',
    'makes one token request in some minutes for an API that answers every token by a 401 with a challenge without an error',
  ],
  'looks at no 401 without a challenge': [
    'sends a request once more after a 401 without a challenge, with a new token',
    'sends a request once more after a 401 with a challenge that nobody can read, with a new token',
    'sends a request once more after a 401 with a challenge without an error, with a new token',
    'sends everything in flight once more after one renewal, when 1,000 requests get a 401 without a challenge',
    'sends a request once more after a 401 without a challenge when its token was replaced already, though such answers are not believed',
  ],
  'says nothing of what came of it': ['renews again after a 401 without a challenge where a new token helped before'],
  'looks at a 401 alone': ['asks the provider about the other statuses it names, and sends the request once more'],
  'replays without the body': [
    'sends a request with a JSON body once more, the same, when its token is rejected',
    'sends a request with a form body once more, the same, when its token is rejected',
    'sends a request with a body of bytes once more, the same, when its token is rejected',
    'sends a request with a FormData body once more, the same, when its token is rejected',
  ],
  'replays streams': [
    'returns the 401 of a streamed body, sends it once, and renews the token for the next request',
    'hands on the 401 that wants a nonce to who streams a body, and has the nonce for the next request',
  ],
  'replays outside the pipeline': ['follows the redirect of an answer to a request sent once more'],
  'forgets that it replayed': ['makes no token request for each call to an API that rejects every token'],
  'hands on no body after a look': [
    'returns a second 401 as it is, and keeps the new token',
    'hands on WSO2’s XML fault whole when a new token is rejected too',
    'hands on a fault with a long body whole when a new token is rejected too',
    'hands on WSO2’s fault for missing credentials whole, and renews nothing',
  ],
  'looks at compressed bodies': ['recognises a compressed fault, and sends the request once more'],
  'ignores aborts': ['sends nothing of a request aborted beforehand, and asks for no token'],
  'token requests end with their caller': ['sends nothing of a request aborted beforehand, and asks for no token'],
  'one token for all attempts': ['gives each attempt of the library’s own retries the token of its time'],
  'one attempt': ['retries the answer to a request sent once more, as the library does'],
  'follows all redirects': ['returns a redirect that is not to be followed'],
  'follows no redirects': ['keeps the token through a 302 within the origin'],
  'strips no header': [
    ...[301, 302, 303, 307, 308].map(status => `follows a ${status} after POST to another origin with nothing of ours`),
    ...[301, 302, 303, 307, 308].map(
      status => `follows a ${status} to another origin with neither the DPoP token nor a proof`,
    ),
    'takes nothing of ours out by a chain of redirects that comes back',
    'takes nothing of ours from https to http on the same host',
    "takes a caller's own Authorization to no other origin either",
  ],
  'strips Authorization alone': ['follows a 302 after GET to another origin with nothing of ours'],
  'strips everything within the origins': [
    'keeps the token through a 307 within the origin',
    'keeps the token through a redirect to another listed origin',
  ],
  'gives back what it stripped': [
    'gives nothing of ours back to a chain of redirects that was out',
    'gives no proof back to a chain of redirects that was out',
  ],
  'renews for other origins': ['renews nothing because of a 401 of another origin'],
  'presents no certificate': ['calls the API with the client certificate and the CA of `tls`'],
  'presents one certificate for ever': ['presents a certificate that was replaced from the next request on'],
  'presents the certificate everywhere': ['presents no client certificate to another https server by a redirect'],
  'keeps answers by URL alone': ['above', 'beneath'].flatMap(place => [
    `serves no user what another was answered, with a cache ${place}, by an answer that says it is public`,
    `serves no user what another was answered, with a cache ${place}, by an answer that says it varies with Authorization`,
    `serves no user what another was answered, with a cache ${place}, by an answer that says nothing of caching`,
    `serves who has a new token no answer to the one before, with a cache ${place}`,
    `serves who has a new DPoP token no answer to the one before, with a cache ${place}`,
    `sends a request once more past a cache ${place} that may keep the 401`,
  ]),
  'proves nothing': [
    'sends a DPoP token with a proof for the method, the URL and the token',
    'renews a DPoP token that is rejected, and sends the request once more with a proof for the new one',
  ],
  'one proof for ever': [
    'proves each request anew',
    'proves each attempt of the library’s own retries anew',
    'sends a request with a JSON body once more with the nonce the API wants, and renews nothing',
    'sends a request with a form body once more with the nonce the API wants, and renews nothing',
  ],
  'proves where it began': [
    ...[302, 303, 307].map(status => `proves the hop of a ${status} for its own method and URL`),
    'proves a hop to another listed origin for that, with the nonce of that',
  ],
  'proves with every token': ['sends no proof with a Bearer token'],
  'sends every token as Bearer': ['sends a DPoP token with a proof for the method, the URL and the token'],
  'loses nonces': [
    'sends a request with a JSON body once more with the nonce the API wants, and renews nothing',
    'puts the nonce of a good answer into the next proof',
    'puts the nonce of a redirect into the proof of the hop after it',
    'hands on the 401 of an API that is content with no nonce, after one more request',
    'sends the nonce, and then a new token, where an API wants the one and then rejects the other',
  ],
  'trusts every server': ['sends no token to a server whose certificate is not trusted'],
}

describe('a client that does not', () => {
  for (const [fault, names] of Object.entries(faults))
    test.each(names)(`${fault}: %s`, async name => {
      const found = httpClientContract({ create: tinyClient(fault as Fault) }).find(one => one.name === name)
      await expect(found?.run()).rejects.toThrow()
    })
})

/** What a way of its own might leave out where the token is held, and the case that notices. */
const leftOut: Readonly<Record<string, Fault>> = {
  'a request': 'overwrites what the caller set',
  "a caller's own Authorization": 'overwrites what the caller set',
  'another origin, refused': 'checks no origin',
  'another origin, passed through': 'checks no origin',
  'a redirect within the origin': 'strips everything within the origins',
  'a redirect to another origin and back': 'gives back what it stripped',
  'a rejected token': 'never replays',
  'a rejected token after a redirect': 'never replays',
  'a rejected token, and a body that cannot be sent again': 'replays streams',
  'a 401 without a reason': 'looks at no 401 without a challenge',
  'a new token that is rejected too': 'replays twice',
  'a request aborted beforehand': 'ignores aborts',
  'a token that is due': 'one token for ever',
  'a token that is over': 'one token for ever',
  'a token that was dropped': 'one token for ever',
  'a token that was replaced by one that ends sooner': 'one token for ever',
  'a certificate that was replaced': 'one token for ever',
  'a DPoP token': 'overwrites what the caller set',
  'a DPoP token, and an API that wants its nonce': 'loses nonces',
  'a DPoP token, and redirects': 'proves where it began',
  'a DPoP token that is rejected': 'never replays',
  'a source that was closed': 'one token for ever',
  'a refresh token whose end has to be told': 'one token for ever',
  'users that a function chooses': 'one token for ever',
}

describe('a client that does with a held token what it does not with one that is asked for', () => {
  const prefix = 'does with a held token as with one that is asked for: '

  /** The first client of a case is the one with the token held. */
  function onFirst(fault: Fault): HttpClientSetup['create'] {
    const creates = [tinyClient(fault)]
    return (...parameters) => (creates.pop() ?? tinyClient())(...parameters)
  }

  test.each(Object.entries(leftOut))('%s: %s', async (name, fault) => {
    const found = httpClientContract({ create: onFirst(fault) }).find(one => one.name === prefix + name)
    await expect(found?.run()).rejects.toThrow(/^Expected values to be strictly deep-equal|bytes of ours/)
  })

  test('has a fault for every case', () => {
    const names = httpClientContract({ create: tinyClient() }).filter(({ about }) => about === 'Held tokens')
    expect(names.map(({ name }) => name)).toEqual(Object.keys(leftOut).map(name => prefix + name))
  })
})

describe('httpClientContract', () => {
  const create: HttpClientSetup['create'] = tinyClient()

  test('has cases about DPoP tokens that each notice a fault', () => {
    const cases = httpClientContract({ create: tinyClient() }).filter(({ about }) => about === 'DPoP tokens')
    const noticing = Object.values(faults).flat()
    expect(cases.map(({ name }) => name).filter(name => !noticing.includes(name))).toEqual([])
  })

  test('has cases of different names', () => {
    const names = httpClientContract({ create }).map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
  })

  test('leaves out what a client cannot do, and nothing else', () => {
    const names = httpClientContract({ create }).map(({ name }) => name)
    const left = httpClientContract({ create, cannot }).map(({ name }) => name)
    expect(left).toEqual(names.filter(name => name !== proxyCase))
  })

  test('refuses a case in `cannot` that there is not', () => {
    const contract = () => httpClientContract({ create, cannot: { 'takes nothing': 'no such case' } })
    expect(contract).toThrow(expect.objectContaining({ name: 'TypeError', option: 'cannot' }))
  })

  test('tells what servers of other origins received', async () => {
    const name = 'follows a 307 after POST to another origin with nothing of ours'
    const seen: ForeignTraffic[] = []
    const onForeignTraffic = (traffic: ForeignTraffic) => seen.push(traffic)
    const run = (create: HttpClientSetup['create']) =>
      httpClientContract({ create, onForeignTraffic })
        .find(one => one.name === name)
        ?.run()
    await run(tinyClient())
    await expect(run(tinyClient('strips no header'))).rejects.toThrow('bytes of ours')
    expect(seen).toMatchObject([
      { name, requests: 1, bytesOfOurs: 0, certificates: 0 },
      { name, requests: 1, certificates: 0 },
    ])
    expect(seen[0]?.bytes).toBeGreaterThan(50)
    expect(seen[1]?.bytesOfOurs).toBeGreaterThan(50)
  })

  test('closes the clients of a case, also of one that failed', async () => {
    let open = 0
    const counting: HttpClientSetup['create'] = async (attachments, options) => {
      const client = await tinyClient('attaches nothing')(attachments, options)
      open++
      return { send: client.send, close: async () => void open-- }
    }
    const [failing] = httpClientContract({ create: counting })
    await expect(failing?.run()).rejects.toThrow()
    expect(open).toBe(0)
  })
})
