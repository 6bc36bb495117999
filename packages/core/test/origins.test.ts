import { describe, expect, test } from 'vitest'
import { OriginError } from '../src/index.js'
import { leadsToSocket, originOf, parseOrigins, socketError } from '../src/origins.js'

const api = parseOrigins(['https://api.example.com'])

describe('parseOrigins', () => {
  const mayHave: Record<string, string> = {
    'the origin itself': 'https://api.example.com',
    'any path, query and fragment': 'https://api.example.com/v1/accounts?page=2#top',
    'another case': 'HTTPS://API.Example.COM/',
    'the default port spelt out': 'https://api.example.com:443/',
    'a WebSocket to it': 'wss://api.example.com/events',
    'blanks around it': ' https://api.example.com/ ',
    'backslashes, which a browser and Node read as slashes': 'https:\\\\api.example.com\\v1',
    'user information before it': 'https://someone@api.example.com/',
  }
  for (const [name, url] of Object.entries(mayHave))
    test(`lets it go to ${name}`, () => {
      expect(api.has(url)).toBe(true)
      expect(() => api.check(new URL(url))).not.toThrow()
    })

  const mayNot: Record<string, string> = {
    'another host': 'https://evil.example',
    'a subdomain': 'https://x.api.example.com',
    'the parent domain': 'https://example.com',
    'a host that only begins with it': 'https://api.example.com.evil.example',
    'a host that only ends with it': 'https://evilapi.example.com',
    'another port': 'https://api.example.com:8443',
    'plain http': 'http://api.example.com',
    'plain http on the https port': 'http://api.example.com:443',
    'a plain WebSocket': 'ws://api.example.com',
    'a final dot, another name to DNS': 'https://api.example.com.',
    'a host with it as user name': 'https://api.example.com@evil.example/',
    'a host with it as user name and password': 'https://api.example.com:443@evil.example/',
    'a host behind a backslash': 'https://evil.example\\@api.example.com/',
    'a host with it in the path': 'https://evil.example/https://api.example.com',
    'a host with it at the end of the path': 'https://evil.example/https://api.example.com/',
    'a look-alike in another script': 'https://аpi.example.com',
    'a blob of it': 'blob:https://api.example.com/550e8400-e29b-41d4-a716-446655440000',
    'data:': 'data:text/plain,https://api.example.com',
    'javascript:': 'javascript:fetch("https://api.example.com")',
    'a file': 'file:///etc/passwd',
    'another scheme': 'ftp://api.example.com',
    'a relative URL': '/v1/accounts',
    'a protocol-relative URL': '//api.example.com/v1',
    'no URL at all': 'https://',
    nothing: '',
  }
  for (const [name, url] of Object.entries(mayNot))
    test(`refuses ${name}`, () => {
      expect(api.has(url)).toBe(false)
      expect(() => api.check(url)).toThrow(OriginError)
    })

  test('says which origin was refused, and nothing else of the URL', () => {
    const check = () => api.check('https://user:secret@evil.example/path?token=secret')
    expect(check).toThrow(expect.objectContaining({ code: 'ERR_ORIGIN', origin: 'https://evil.example' }))
    expect(check).not.toThrow(/secret|path/)
    expect(() => api.check('secret')).toThrow(expect.objectContaining({ origin: undefined }))
  })

  test('the message names the origin, or that there is none', () => {
    const rest = 'is not among the origins the token may be sent to'
    expect(() => api.check('https://evil.example/path')).toThrow(`https://evil.example ${rest}`)
    expect(() => api.check('/relative')).toThrow(`This URL ${rest}`)
  })

  test('a list that somebody forgot to await is told as such', () => {
    const parse = () => parseOrigins(Promise.resolve(['https://api.example.com']) as unknown as string[])
    expect(parse).toThrow(expect.objectContaining({ name: 'TypeError', option: 'origins' }))
    expect(parse).toThrow(/^origins: .*await/)
  })

  test('takes internationalised names in either spelling', () => {
    const origins = parseOrigins(['https://bücher.example'])
    expect(origins.has('https://xn--bcher-kva.example/')).toBe(true)
    expect(parseOrigins(['https://xn--bcher-kva.example']).has('https://BÜCHER.example')).toBe(true)
  })

  test('takes several origins, and ports', () => {
    const origins = parseOrigins(['https://a.example:8443', 'wss://b.example'])
    const urls = ['https://a.example:8443/x', 'https://b.example', 'wss://b.example', 'https://a.example']
    expect(urls.map(url => origins.has(url))).toEqual([true, true, true, false])
  })

  for (const loopback of ['http://localhost:3000', 'http://127.0.0.1:3000', 'http://[::1]:3000', 'ws://localhost:3000'])
    test(`takes ${loopback}, since it never leaves the machine`, () => {
      expect(parseOrigins([loopback]).has(loopback)).toBe(true)
    })

  const refused: Record<string, unknown> = {
    'an empty list': [],
    'a string instead of a list': 'https://api.example.com',
    'what is no string': [new URL('https://api.example.com')],
    'an empty string': [''],
    'a host without a scheme': ['api.example.com'],
    'a wildcard': ['https://*.example.com'],
    everything: ['*'],
    'a path': ['https://api.example.com/v1'],
    'a query': ['https://api.example.com?x=1'],
    'a fragment': ['https://api.example.com#x'],
    'a user name': ['https://me@api.example.com'],
    'a password': ['https://:secret@api.example.com'],
    'plain http': ['http://api.example.com'],
    'http to a name that only looks like loopback': ['http://localhost.example.com'],
    'another scheme': ['file:///'],
    'one good and one bad': ['https://api.example.com', 'http://api.example.com'],
  }
  for (const [name, list] of Object.entries(refused))
    test(`refuses ${name} as a list`, () => {
      const parse = () => parseOrigins(list as string[])
      expect(parse).toThrow(TypeError)
      expect(parse).toThrow(expect.objectContaining({ code: 'ERR_OPTION', option: 'origins' }))
      expect(parse).not.toThrow(/secret/)
    })

  const advice: Record<string, [list: string[], advice: string]> = {
    'an empty list': [[], "must list at least one origin, such as ['https://api.example.com']"],
    'a host alone': [['api.example.com'], 'must be absolute, such as https://api.example.com'],
    'a path': [['https://api.example.com/v1'], 'must be scheme, host and port alone, without a path'],
    'a wildcard': [['https://*.example.com'], 'cannot contain a wildcard; list every origin'],
    'plain http': [['http://api.example.com'], 'must be https (http is allowed to loopback addresses alone)'],
  }
  for (const [name, [list, what]] of Object.entries(advice))
    test(`says what to do about ${name}`, () => {
      expect(() => parseOrigins(list)).toThrow(`origins: ${what}`)
    })
})

describe('a socket of this machine', () => {
  const leads: Record<string, unknown> = {
    'the option itself': { socketPath: '/run/api.sock' },
    'the options of an agent': { options: { socketPath: '/run/api.sock' } },
  }
  for (const [name, part] of Object.entries(leads))
    test(`is found in ${name}, among other parts`, () => {
      expect(leadsToSocket(part)).toBe(true)
      expect(leadsToSocket(undefined, { host: 'a.example' }, part)).toBe(true)
    })

  const leadsNot: readonly unknown[] = [
    undefined,
    null,
    'socketPath',
    { socketPath: '' },
    { options: null },
    {},
    { path: '/' },
  ]
  for (const part of leadsNot)
    test(`is not found in ${JSON.stringify(part)}`, () => {
      expect(leadsToSocket(part)).toBe(false)
    })

  test('is refused by name, without an origin', () => {
    expect(socketError()).toMatchObject({ code: 'ERR_ORIGIN', origin: undefined })
    expect(socketError().message).toBe(
      'A socket of this machine (socketPath) is not among the origins the token may be sent to',
    )
  })
})

test('what is neither HTTP nor a WebSocket has no origin', () => {
  for (const url of ['file:///etc/passwd', 'ftp://a.example', 'data:,x', 'nothing'])
    expect(originOf(url)).toBeUndefined()
  expect(originOf(new URL('blob:https://a.example/x'))).toBeUndefined()
})

test('originOf maps WebSocket schemes to those of the request that opens one', () => {
  expect(originOf('wss://a.example/x')).toBe('https://a.example')
  expect(originOf('wss://a.example:443')).toBe('https://a.example')
  expect(originOf('ws://a.example:8080/x')).toBe('http://a.example:8080')
})

test('a URL with a letter like ü has its origin however often it is asked for', () => {
  // URL.canParse() of Node 20 and 22 errs once it is compiled
  const origins = Array.from({ length: 20_000 }, () => originOf('https://bücher.example/café'))
  expect(new Set(origins)).toEqual(new Set(['https://xn--bcher-kva.example']))
})
