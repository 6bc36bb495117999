import { describe, expect, test } from 'vitest'
import { redact } from '../../src/redaction/redact.js'

const shown = (text: string, secrets: readonly string[] = [], open: readonly string[] = []) =>
  redact(text, 300, { secrets, open })

type Encode = (text: string) => string
const each = (text: string, write: (character: string) => string) => [...text].map(write).join('')
const point = (character: string) => character.codePointAt(0) ?? 0
const bytes = (character: string) => [...Buffer.from(character)]
const unit = (code: number) => `\\u${code.toString(16).padStart(4, '0')}`
const named: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' }

/** What servers write texts in. */
const encodings: Readonly<Record<string, Encode>> = {
  'as it is': text => text,
  'percent-encoded': encodeURIComponent,
  'percent-encoded in lower case': text => encodeURIComponent(text).replace(/%../g, code => code.toLowerCase()),
  'percent-encoded throughout': text =>
    each(text, one =>
      bytes(one)
        .map(byte => `%${byte.toString(16).padStart(2, '0')}`)
        .join(''),
    ),
  'percent-encoded now and then': text => each(text, one => (point(one) % 3 === 0 ? encodeURIComponent(one) : one)),
  'form-encoded': text => new URLSearchParams({ '': text }).toString().slice(1),
  'JSON-escaped': text => JSON.stringify(text).slice(1, -1),
  'JSON-escaped throughout': text =>
    each(text, one =>
      one
        .split('')
        .map(half => unit(half.charCodeAt(0)))
        .join(''),
    ),
  'with escaped slashes': text => JSON.stringify(text).slice(1, -1).replaceAll('/', '\\/'),
  'HTML-escaped': text => text.replace(/[&<>"']/g, one => named[one] ?? one),
  'in decimal references': text => each(text, one => `&#${point(one)};`),
  'in hexadecimal references': text => each(text, one => `&#x${point(one).toString(16).toUpperCase()};`),
  'in references with zeros': text => each(text, one => `&#0${point(one)};`),
  'in base64': text => Buffer.from(text).toString('base64'),
  'in base64url': text => Buffer.from(text).toString('base64url'),
  'in base64 behind a name': text => Buffer.from(`client-1:${text}`).toString('base64'),
  'in hexadecimal': text => Buffer.from(text).toString('hex'),
  'in capitals': text => text.replace(/[a-z]/g, one => one.toUpperCase()),
}

/** What nobody writes inside another encoding. */
const packings: Readonly<Record<string, Encode>> = {
  'in base64, broken every eight characters': text =>
    Buffer.from(text)
      .toString('base64')
      .replace(/.{8}/g, part => `${part}\r\n`),
  'in base64, with the blanks a form makes of its plus signs': text =>
    Buffer.from(`client-1:${text}`).toString('base64').replaceAll('+', ' '),
  'in hexadecimal with colons': text =>
    Buffer.from(text)
      .toString('hex')
      .replace(/..(?!$)/g, byte => `${byte}:`),
  'in hexadecimal with blanks': text =>
    Buffer.from(text)
      .toString('hex')
      .replace(/..(?!$)/g, byte => `${byte} `),
  'as a list of bytes': text => [...Buffer.from(text)].join(', '),
  'in octal escapes': text =>
    each(text, one =>
      bytes(one)
        .map(byte => `\\${byte.toString(8).padStart(3, '0')}`)
        .join(''),
    ),
}

/** Numbers that look random and are the same each time. */
function numbersFrom(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0
    return (state >>> 0) % below
  }
}

const alphabets = [
  'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_',
  'abc123ABC"\'&<>%\\/+;#=? {}[]()!|^:,.~*$@`',
  'abcäöüßéñ€漢字😀1&"\\% ',
  'abcdefghijklmnopqrstuvwxyz',
]

/** Long enough to be one, with a letter at both ends. */
function secretFrom(next: (below: number) => number): string {
  const alphabet = [...(alphabets[next(alphabets.length)] ?? '')]
  const middle = Array.from({ length: 10 + next(30) }, () => alphabet[next(alphabet.length)] ?? '')
  return `k${middle.join('')}7`
}

/** Pieces of 8 characters that are still to be read. */
const surviving = (secret: string, text: string) =>
  Array.from({ length: secret.length - 7 }, (_, at) => secret.slice(at, at + 8)).filter(piece => text.includes(piece))

describe('an echoed secret is taken out', () => {
  const secrets = { 'with signs': 'p&ss "w\u00f6rd"\\^|),%+ $1/x', 'of letters': 'opensesame', short: 'k-9&x' }
  for (const [kind, secret] of Object.entries(secrets))
    for (const [name, encode] of Object.entries(encodings))
      test(`${name}, ${kind}`, () => {
        expect(shown(`Wrong: ${encode(secret)} it is.`, [secret])).toBe('Wrong: [redacted] it is.')
      })

  for (const [name, pack] of Object.entries(packings))
    for (const around of ['as it is', 'percent-encoded', 'JSON-escaped', 'HTML-escaped'])
      test(`${name}, ${around}: no dozen characters of it are left`, () => {
        for (const secret of ['open-sesame-and-close-again', 'kX9+/vQ~2mZ?w>8^b!5}c', 'pä55wörd-of-the-client']) {
          const packed = encodings[around]?.(pack(secret)) ?? ''
          const text = redact(`Wrong: ${packed} it is.`, 5_000, { secrets: [secret] })
          const pieces = Array.from({ length: packed.length - 11 }, (_, start) => packed.slice(start, start + 12))
          expect(pieces.filter(piece => text.includes(piece))).toEqual([])
          expect(text).toMatch(/^Wrong: .*\[redacted\].* it is\.$/)
        }
      })

  test('written in Latin-1', () => {
    expect(shown('Wrong: p%E4ssw%F6rd it is', ['pässwörd'])).toBe('Wrong: [redacted] it is')
    expect(shown('Wrong: p&auml;ssw&ouml;rd it is', ['pässwörd'])).toBe('Wrong: [redacted] it is')
    expect(shown('Wrong: p&auml;ssw%u00F6rd it is', ['pässwörd'])).toBe('Wrong: [redacted] it is')
  })

  test('written by the names of HTML 5 and by escapes of JavaScript', () => {
    const secret = 'a!b#c$d%e(f)g*h'
    const echo = 'a&excl;b&num;c&dollar;d&percnt;e&lpar;f&rpar;g&ast;h'
    expect(shown(`Wrong: ${echo} it is`, [secret])).toBe('Wrong: [redacted] it is')
    expect(shown('Wrong: a\\x21b\\u{23}c$d%e(f)g*h it is', [secret])).toBe('Wrong: [redacted] it is')
  })

  test('in every pair of encodings, one inside the other', () => {
    const secret = 'my &secret%41/\\"key'
    const left = Object.entries(encodings).flatMap(([inner, first]) =>
      Object.entries(encodings).flatMap(([outer, second]) => {
        const echo = second(first(secret))
        const text = shown(`Wrong: ${echo} it is`, [secret])
        return text === 'Wrong: [redacted] it is' ? [] : [`${inner}, ${outer}: ${text}`]
      }),
    )
    // what is written in capitals cannot be unpacked any more, and looks like a token
    expect(left.filter(name => !/in capitals/.test(name))).toEqual([])
  })

  test('so that nothing of 8 characters or more survives, for hundreds of secrets in three encodings each', () => {
    const reversible = Object.values(encodings).slice(0, -1)
    for (let seed = 1; seed <= 400; seed++) {
      const next = numbersFrom(seed)
      const secret = secretFrom(next)
      const echo = [0, 0, 0].reduce(text => (reversible[next(reversible.length)] as Encode)(text), secret)
      if (echo.length > 1_500) continue
      const text = redact(`Wrong: ${echo} it is.`, 5_000, { secrets: [secret] })
      expect(`${seed}: ${surviving(echo, text).length} of ${secret}`).toBe(`${seed}: 0 of ${secret}`)
    }
  })

  test('cut off, or in the middle of other text', () => {
    const secret = 'open-sesame-and-close-again'
    expect(shown(`Wrong: ${secret.slice(0, 15)}`, [secret])).toBe('Wrong: [redacted]')
    expect(shown(`Wrong: ...${secret.slice(9)}`, [secret])).toBe('Wrong: ...[redacted]')
    expect(shown(`Wrong<b>${secret}</b>`, [secret])).toBe('Wrong<b>[redacted]</b>')
    expect(shown(`Wrong: open-ses ame-and-close\nagain`, [secret])).toBe('Wrong: [redacted] again')
  })

  test('but for what it has in common with names everybody may read', () => {
    expect(shown('client-123456 said client-123456:open', ['client-123456:open'], ['client-123456'])).toBe(
      'client-123456 said client[redacted]',
    )
    expect(shown('got same-as-the-id', ['same-as-the-id'], ['same-as-the-id'])).toBe('got [redacted]')
  })
})

describe('what looks like a token is taken out', () => {
  const cases: Readonly<Record<string, string>> = {
    '{"access_token":"abcdefgh","token_type":"Bea': '{"access_token":"[redacted]","token_type":"Bea',
    '{"access_token":"abcdefgh': '{"access_token":"[redacted]',
    "{'refresh_token': 'abc-def', 'expires_in': 1}": "{'refresh_token': '[redacted]', 'expires_in': 1}",
    '"{\\"id_token\\":\\"abc-def\\",\\"x\\"': '"{\\"id_token\\":\\"[redacted]\\",\\"x\\"',
    '{&quot;access_token&quot;:&quot;abc-def&quot;}': '{&quot;access_token&quot;:&quot;[redacted]&quot;}',
    '{"access_token":["abc-def"': '{"access_token":["[redacted]"',
    'access_token=abcdefgh&token_type=bearer': 'access_token=[redacted]&token_type=bearer',
    'access_token%3Dabc-def%26token_type%3Dbearer': 'access_token%3D[redacted]%26token_type%3Dbearer',
    'accessToken=abc-def, refreshToken=ghi-jkl': 'accessToken=[redacted], refreshToken=[redacted]',
    'OAuth2AccessToken[value=abc-def]': 'OAuth2AccessToken[value=[redacted]]',
    '<access_token>abc-def</access_token>': '<access_token>[redacted]</access_token>',
    '<o:refreshToken type="x"><![CDATA[abc-def]]>': '<o:refreshToken type="x"><![CDATA[[redacted]',
    '<input name="access_token" value="abc-def">': '<input name="access_token" value="[redacted]">',
    'client_secret: hunter2': 'client_secret: [redacted]',
    'password=hunter2': 'password=[redacted]',
    'password "correct horse battery"': 'password "correct horse battery"',
    '{"password":"correct horse battery"': '{"password":"[redacted]"',
    'client_assertion=abc.def.ghi': 'client_assertion=[redacted]',
    'code=SplxlOBeZQQYbYS6&state=1': 'code=[redacted]&state=1',
    'The code SplxlOBeZQQYbYS6WxSbIA was used': 'The code [redacted] was used',
    'Authorization: Bearer mF_9.B5f-4.1JqM is bad': 'Authorization: Bearer [redacted] is bad',
    'bearer my-access-token': 'bearer [redacted]',
    'Basic dXNlcjpwYXNz': 'Basic [redacted]',
    'Refresh token tGzv3JOkF0XG5Qx2TlKWIA is dead': 'Refresh token [redacted] is dead',
    'Refresh token ae4eae22-3f65-387b-a171-d37eaa366fa8 is dead': 'Refresh token [redacted] is dead',
    'token not found: ae4eae22-3f65-387b-a171-d37eaa366fa8': 'token not found: [redacted]',
    '00D50000000IehZ!AQcAQH0dMHZfz972Szmpkb58urFRkgeBGsxL is old': '[redacted] is old',
    'v^1.1#i^1#p^3#f^0#I^3#r^1#t^Ul4xMF8wOkU3RDUw is old': '[redacted] is old',
    'Atza|IwEBIA1234abcd5678EFGH is old': '[redacted] is old',
    'Could not save token v^1.1#i^1#f^0#p^3 for user': 'Could not save token [redacted] for user',
    'Atza|IwEBIExample123': '[redacted]',
    'Set-Cookie: SID=0123456789abcdef': 'Set-Cookie: [redacted]',
    '-----BEGIN PRIVATE KEY----- MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEH': '-----BEGIN PRIVATE KEY----- [redacted]',
    'no such user at https://a.example/cb?code=abc': 'no such user at https://a.example/cb[redacted]',
    'https://as.example.com/reset/SplxlOBeZQQYbYS6WxSbIA/done': 'https://as.example.com/reset/[redacted]/done',
  }
  for (const [text, expected] of Object.entries(cases))
    test(text, () => {
      expect(shown(text)).toBe(expected)
    })
})

describe('what people are to read stays', () => {
  const texts = [
    'AADSTS70008: The provided authorization code or refresh token has expired due to inactivity. Trace ID: 0000aaaa-11bb-cccc-dd22-eeeeee333333 Correlation ID: aaaa0000-bb11-2222-33cc-444444dddddd Timestamp: 2016-07-11 20:49:56Z',
    "AADSTS7000215: Invalid client secret provided. Ensure the secret being sent is the client secret value, not the client secret ID, for a secret added to app '6731de76-14a6-49ae-97bc-6eba6914391e'.",
    'Token has been expired or revoked.',
    'invalid_token: The access token expired',
    'Invalid token: expired',
    'Session not active',
    'Invalid client or Invalid client credentials',
    'A valid OAuth client could not be found for client_id: abcXYZ123',
    'Missing required parameter: code_verifier',
    'code_verifier: must be between 43 and 128 characters',
    "password: can't be blank",
    'Bearer token is missing',
    'Bearer realm="api", error="invalid_token", error_description="The access token expired"',
    'Basic authentication required',
    'one of client_secret_basic|client_secret_post|private_key_jwt is wanted',
    'see https://as.example.com/errors#section-4.1.2',
    'C#7 and F#sharp5 are languages',
    'Request ID: 4bf92f3577b34da6a3ce929d0e0e4736',
    'Ray ID: 7d9f8b6c5d1e2f3a',
    'Access Denied. Reference #18.4f1c2d17.1700000000.1a2b3c4',
    '{"code":"900901","message":"Invalid Credentials","description":"Make sure you have provided the correct ones"}',
    '[ { "expected": "string", "code": "invalid_type", "path": [ "client_id" ] } ]',
    '{"errorCode":"ORA-01017","statusCode":400}',
    'error code 0x80070057',
    'urn:ietf:params:oauth:grant-type:jwt-bearer is not supported; use urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    'https://login.example.com/7c5c8e5b-3f65-387b-a171-d37eaa366fa8/oauth2/v2.0/token does not exist',
    'redirect_uri https://app.example.com/callback does not match',
    'org.wso2.carbon.identity.oauth2.token.AccessTokenIssuer.issue(AccessTokenIssuer.java:123)',
    'Cannot invoke "OAuth2AccessToken.getValue()" because "accessToken" is null',
    'getOAuth2AccessTokenByAuthorizationCode failed',
    'error:0A000086:SSL routines::certificate verify failed',
    '2024-01-01T00:00:00.000Z ERROR [http-nio-8080-exec-1] c.w.TokenEndpoint',
    'oauth-server-7d9f8b6c5d-x2x9k is restarting',
    'Token lifetime must be at most 3600s',
    'JWT audience https://as.example.com/oauth2/token expected, exp 1700000000 is past',
    'The signature of the client assertion with jti 7c5c8e5b-3f65-387b-a171-d37eaa366fa8 is wrong',
    'upstream connect error or disconnect/reset before headers. reset reason: connection failure',
  ]
  for (const text of texts)
    test(text, () => {
      expect(shown(text)).toBe(text)
    })

  test('names of ours, however random they are', () => {
    const id = '0oa1abcdEFGH23ijkl5d7'
    expect(shown(`client ${id} is unknown`, [], [id])).toBe(`client ${id} is unknown`)
  })
})

describe('whatever comes', () => {
  const hostile = [
    'eyJ',
    '?a',
    'token ',
    'token:',
    'token="',
    '<token ',
    'bearer ',
    '\\',
    '\\"',
    '&#',
    '%25',
    '&amp;',
    'A1',
    '"',
    'access_token%253D',
    'code\\\\\\\\',
  ]
  for (const part of hostile)
    test(`many times ${JSON.stringify(part)} is read in little time`, () => {
      const text = redact(part.repeat(100_000), 300, { secrets: ['open-sesame-and-close-again'.repeat(100)] })
      expect(text.length).toBeLessThanOrEqual(300)
    })

  test('it is printable and short, and cut where a word ends', () => {
    expect(shown('caf\u00e9\r\n\tred\u001b[31m')).toBe('caf red [31m')
    expect(redact('no '.repeat(1_000), 10)).toBe('no no n...')
    expect(redact(`${'no '.repeat(666)}secrecy`, 3_000)).toBe('no '.repeat(666).trim())
    expect(redact('', 10)).toBe('')
  })
})
