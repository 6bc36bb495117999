import { describe, expect, test } from 'vitest'
import { hasUserInformation } from '../src/attachments.js'
import { clientCertificate, type TlsOptions, TokenSet, type TokenSource } from '../src/index.js'
import {
  type Attaching,
  type AttachmentOptions,
  Attachments,
  readAttachment,
  readAttachments,
  type SourceOf,
} from '../src/kit.js'
import { issue } from './fixtures/certificates.js'
import { setUp } from './scripted-server.js'

const source: TokenSource = { getTokenSet: async () => new TokenSet({ accessToken: 'a', obtainedAt: 0 }) }
const origins = ['https://api.example']

const attaching: Attaching<{ tls: TlsOptions }> = {
  maker: 'attachSomething',
  order: 'attachSomething(source, options)',
  agentOf: tls => ({ tls }),
  withoutToken: 'say so for a request without one',
}

const read = (given: unknown, options: AttachmentOptions = {}) =>
  readAttachment(attaching, given as SourceOf<never>, options)

describe('options', () => {
  const cases: Readonly<Record<string, [option: string, attach: () => unknown]>> = {
    'no source': ['source', () => read(undefined, { origins })],
    'options in place of the source': ['options', () => read({ origins }, source as never)],
    'no origins anywhere': ['origins', () => read(source)],
    'a function, which names no origins': ['origins', () => read(() => source)],
    'an http origin': ['origins', () => read(source, { origins: ['http://api.example'] })],
    'a misspelt option': ['origin', () => read(source, { origin: origins } as never)],
    'an unknown policy': ['otherOrigins', () => read(source, { origins, otherOrigins: 'allow' as never })],
    'tls that is none': ['tls.caMode', () => read(source, { origins, tls: { caMode: 'only' as never } })],
    'an empty list': ['source', () => readAttachments(attaching, [], {})],
    'options beside a list': ['origins', () => readAttachments(attaching, [{ source, origins }], { origins })],
    'options in place of a list': ['options', () => readAttachments(attaching, [{ source, origins }], source as never)],
    'a misspelt option beside a list': [
      'origin',
      () => readAttachments(attaching, [{ source, origins }], { origin: origins } as never),
    ],
    'no source in a list': ['source', () => readAttachments(attaching, [{ origins } as never], {})],
    'options in a list that are misspelt': [
      'origin',
      () => readAttachments(attaching, [{ source, origins, origin: '' } as never], {}),
    ],
  }
  for (const [name, [option, attach]] of Object.entries(cases))
    test(`${name} is a TypeError that names ${option}`, () => {
      expect(attach).toThrow(expect.objectContaining({ name: 'TypeError', option }))
    })

  test('what is no source is told how it is meant', () => {
    expect(() => read({ origins }, { origins })).toThrow('the order is attachSomething(source, options)')
  })

  test('origins come from the option, else from the source, else from the client', () => {
    const listing = { ...source, origins: ['https://b.example'] }
    const withDefault = { ...attaching, defaultOrigins: () => ['https://c.example'] }
    expect(readAttachment(withDefault, listing, { origins }).listed).toEqual(origins)
    expect(readAttachment(withDefault, listing, {}).listed).toEqual(['https://b.example'])
    expect(readAttachment(withDefault, source, {}).listed).toEqual(['https://c.example'])
  })

  test('a certificate is looked at by the clock of the source’s client, where there is one', () => {
    const ca = issue({ name: 'ca' })
    const notAfter = new Date(Date.now() + 864e5)
    const issued = issue({ name: 'client', issuer: ca, notAfter })
    const certificate = clientCertificate({ cert: issued.cert, key: issued.key })
    const tls: TlsOptions = { certificate }
    expect(read(source, { origins, tls }).agent).toEqual({ tls })
    expect(read(() => source, { origins, tls }).agent).toEqual({ tls })
    const { client } = setUp()
    const late = { ...source, client: { ...client, clock: { now: () => notAfter.getTime() + 1_000 } } }
    expect(() => read(late, { origins, tls })).toThrow(expect.objectContaining({ option: 'tls.certificate' }))
  })

  test('what presents the certificate is made of tls, and only there', () => {
    expect(read(source, { origins, tls: { ca: undefined } }).agent).toEqual({ tls: { ca: undefined } })
    expect(read(source, { origins }).agent).toBeUndefined()
  })
})

describe('a single source', () => {
  test('is read as a list of one', () => {
    const [only, ...others] = readAttachments(attaching, source, { origins })
    expect(only).toMatchObject({ source, listed: origins, otherOrigins: 'refuse' })
    expect(others).toEqual([])
  })
})

describe('advice', () => {
  const cases: Readonly<Record<string, [attach: () => unknown, advice: string]>> = {
    'origins nowhere': [() => read(source), 'origins: is needed: the source does not say where its tokens may go'],
    'an unknown policy': [
      () => read(source, { origins, otherOrigins: 'allow' as never }),
      'otherOrigins: must be refuse or pass-through',
    ],
    'an empty list': [() => readAttachments(attaching, [], {}), 'source: must not be an empty list'],
    'options beside a list': [
      () => readAttachments(attaching, [{ source, origins }], { otherOrigins: 'refuse' }),
      'otherOrigins: belongs to each source of the list',
    ],
  }
  for (const [name, [attach, advice]] of Object.entries(cases))
    test(`says what to do about ${name}`, () => {
      expect(attach).toThrow(advice)
    })

  test('of a function without a source is no more than that where every request has to have one', async () => {
    const { withoutToken: _, ...strict } = attaching
    const { sourceFor } = readAttachment(strict, (() => undefined) as unknown as SourceOf<never>, { origins })
    await expect(sourceFor({ request: {} })).rejects.toThrow(/^source: must return a token source$/)
  })
})

describe('a URL with a credential in it', () => {
  const urls: Readonly<Record<string, boolean>> = {
    'https://user@a.example/': true,
    'https://:password@a.example/': true,
    'https://user:password@a.example/': true,
    'https://a.example/': false,
    'https://a.example/@user': false,
    'https://@a.example/': false,
    '/@relative': false,
  }
  for (const [url, has] of Object.entries(urls))
    test(`${url}: ${has}`, () => {
      expect(hasUserInformation(url)).toBe(has)
      if (URL.canParse(url)) expect(hasUserInformation(new URL(url))).toBe(has)
    })
})

describe('the source of a request', () => {
  test('is the one that was given', () => {
    expect(read(source, { origins }).sourceFor({ request: {} })).toBe(source)
  })

  test('is had without the library’s request, which may have to be made first', () => {
    const asking = {
      get request(): never {
        throw new Error('nobody chooses by it')
      },
    }
    expect(read(source, { origins }).sourceFor(asking)).toBe(source)
  })

  test('is chosen by the function, which gets the library’s request', async () => {
    const choose = async ({ user }: { user: string }) => (user === 'ann' ? source : undefined)
    expect(await read(choose, { origins }).sourceFor({ request: { user: 'ann' } })).toBe(source)
  })

  test('must be one: else it is said how a request goes without', async () => {
    const chosen = Promise.resolve(read(() => undefined, { origins }).sourceFor({ request: {} }))
    await expect(chosen).rejects.toMatchObject({
      option: 'source',
      message: 'source: must return a token source; say so for a request without one',
    })
  })
})

describe('several sources', () => {
  const one = read(source, { origins: ['https://a.example', 'https://shared.example'] })

  for (const [name, other] of Object.entries({
    'the same origin': 'https://shared.example',
    'another spelling of it': 'https://SHARED.example:443/',
    'its WebSockets': 'wss://shared.example',
  }))
    test(`are refused for one origin: ${name}`, () => {
      const two = read(source, { origins: ['https://b.example', other] })
      expect(() => new Attachments([one, two])).toThrow(
        expect.objectContaining({
          name: 'TypeError',
          option: 'origins',
          message: expect.stringContaining('https://shared.example has a token source already'),
        }),
      )
    })

  test('are refused in a list as well', () => {
    const list = [
      { source, origins },
      { source, origins },
    ]
    expect(() => readAttachments(attaching, list, {})).toThrow(expect.objectContaining({ option: 'origins' }))
  })

  test('may have the same origin once the first is off, and one may be added twice', () => {
    const all = new Attachments([one])
    all.add(one)
    expect(all.size).toBe(1)
    expect(all.delete(one)).toBe(true)
    const two = read(source, { origins: ['https://a.example'] })
    all.add(two)
    expect([...all]).toEqual([two])
  })

  test('stay in the order they were attached, also when one is added again', () => {
    const two = read(source, { origins: ['https://b.example'] })
    const all = new Attachments([one, two])
    all.add(one)
    expect([...all].map(({ listed }) => listed)).toEqual([one.listed, two.listed])
  })

  test('are taken off one by one, and only where they are', () => {
    const two = read(source, { origins: ['https://b.example'] })
    const all = new Attachments([one, two])
    expect(all.delete(read(source, { origins }))).toBe(false)
    expect(all.delete(one)).toBe(true)
    expect(all.delete(one)).toBe(false)
    expect([...all]).toEqual([two])
    all.add(one)
    all.add(two)
    expect(new Set(all)).toEqual(new Set([one, two]))
  })

  test('serve each its own origins', () => {
    const two = read(source, { origins: ['https://b.example'] })
    const all = new Attachments([one, two])
    expect(all.find({ url: 'https://b.example/accounts' })).toBe(two)
    expect(all.find({ url: new URL('https://shared.example/') })).toBe(one)
  })

  test('let a request pass when all of them do', () => {
    const passing = read(source, { origins: ['https://b.example'], otherOrigins: 'pass-through' })
    const elsewhere = { url: 'https://elsewhere.example/' }
    expect(new Attachments([passing]).find(elsewhere)).toBeUndefined()
    expect(() => new Attachments([passing, one]).find(elsewhere)).toThrow(
      expect.objectContaining({ code: 'ERR_ORIGIN', origin: 'https://elsewhere.example' }),
    )
  })

  test('serve no socket of this machine, whatever the URL says', () => {
    const passing = read(source, { origins: ['https://b.example'], otherOrigins: 'pass-through' })
    const socket = { url: 'https://b.example/', isSocket: true }
    expect(new Attachments([passing]).find(socket)).toBeUndefined()
    expect(() => new Attachments([one, passing]).find(socket)).toThrow(/socket of this machine/)
  })
})
