import { createPublicKey } from 'node:crypto'
import fc from 'fast-check'
import { FlattenedSign, flattenedVerify } from 'jose'
import { describe, expect, test } from 'vitest'
import {
  isGrantKitError,
  openBankingUk,
  type SignDetachedOptions,
  signDetached,
  signer,
  type VerifyDetachedOptions,
  verifyDetached,
} from '../src/index.js'
import { failure, refusal } from './answering.js'
import { keyFor, now, openIdServer } from './openid-server.js'

const key = keyFor('PS256', { kid: 'bank-1' })
const ps256 = signer({ key: key.privateKey, alg: 'PS256', kid: 'bank-1' })
const clock = { now: () => now * 1000 }
const body = '{"Data":{"Initiation":{"InstructedAmount":{"Amount":"10.00","Currency":"GBP"},"Name":"Zoë"}},"Risk":{}}'
const critical = openBankingUk({ issuer: '0015800001041RHAAY/DwMKdWMmj7PWinvoqfQyXV' })
const uris = ['iat', 'iss', 'tan'].map(name => `http://openbanking.org.uk/${name}`)

const headerOf = (jws: string) => JSON.parse(Buffer.from(jws.split('.')[0] ?? '', 'base64url').toString())

/** What jose makes of it, given the body. */
function verifiedByJose(jws: string, payload: string | Uint8Array, crit: Readonly<Record<string, boolean>> = {}) {
  const [header = '', , signature = ''] = jws.split('.')
  const raw = headerOf(jws).b64 === false
  const flattened = {
    protected: header,
    signature,
    payload: raw ? payload : Buffer.from(payload).toString('base64url'),
  }
  return flattenedVerify(flattened, createPublicKey(key.privateKey), { crit, algorithms: ['PS256'] })
}

const known = Object.fromEntries(uris.map(uri => [uri, true]))

describe('signDetached', () => {
  test('signs as Open Banking UK has it since 3.1.4, and as WSO2 documents it', async () => {
    const header = { typ: 'JOSE', cty: 'application/json' }
    const jws = await signDetached(ps256, body, { critical, header, clock })
    expect(headerOf(jws)).toEqual({
      typ: 'JOSE',
      cty: 'application/json',
      alg: 'PS256',
      kid: 'bank-1',
      'http://openbanking.org.uk/iat': now,
      'http://openbanking.org.uk/iss': '0015800001041RHAAY/DwMKdWMmj7PWinvoqfQyXV',
      'http://openbanking.org.uk/tan': 'openbanking.org.uk',
      crit: uris,
    })
    expect(Buffer.from((await verifiedByJose(jws, body, known)).payload).toString()).toBe(body)
  })

  test('signs the body as it is with b64: false, which is critical then', async () => {
    const jws = await signDetached(ps256, body, { critical, b64: false, clock })
    expect(headerOf(jws)).toMatchObject({ b64: false, crit: ['b64', ...uris] })
    await expect(verifiedByJose(jws, body, known)).resolves.toBeDefined()
    await expect(verifiedByJose(jws, `${body} `, known)).rejects.toThrow()
  })

  test('has no crit where nothing is critical', async () => {
    const jws = await signDetached(ps256, body)
    expect(headerOf(jws)).toEqual({ alg: 'PS256', kid: 'bank-1' })
    await expect(verifiedByJose(jws, body)).resolves.toBeDefined()
  })

  test.each([true, false])('signs bytes that are no text, and none at all (b64 %s)', async b64 => {
    for (const bytes of [Uint8Array.of(0xff, 0x00, 0x2e, 0x80), new Uint8Array()])
      await expect(verifiedByJose(await signDetached(ps256, bytes, { b64 }), bytes)).resolves.toBeDefined()
  })

  test('signs with a key that is elsewhere, whose failure is thrown as it is', async () => {
    const away = new Error('the KMS is away')
    const failing = signer({ key: () => Promise.reject(away), alg: 'PS256' })
    expect(await failure(signDetached(failing, body))).toBe(away)
  })

  const wrong: readonly [string, unknown, unknown, object?][] = [
    ['body', ps256, { Data: {} }],
    ['body', ps256, undefined],
    ['signer', key.privateKey, body],
    ['header.alg', ps256, body, { header: { alg: 'none' } }],
    ['header.crit', ps256, body, { header: { crit: [] } }],
    ['header.http://openbanking.org.uk/iss', ps256, body, { critical, header: { [uris[1] as string]: 'else' } }],
    ['critical.b64', ps256, body, { critical: { b64: { value: () => false, check: () => true } } }],
    ['critical.x.value', ps256, body, { critical: { x: {} } }],
    ['b64', ps256, body, { b64: 'no' }],
    ['detached', ps256, body, { detached: true }],
  ]
  test.each(wrong)('refuses a wrong %s', async (option, one, sent, options) => {
    expect(await failure(signDetached(one as never, sent as never, options as never))).toMatchObject({ option })
  })

  test.each([
    ['issuer', {}],
    ['trustAnchor', { issuer: 'bank', trustAnchor: '' }],
  ])('refuses a profile with a wrong %s', (option, options) => {
    expect(refusal(() => openBankingUk(options as never)).option).toBe(option)
  })
})

/** What the bank's answer is taken for. */
async function verify(jws: string | null | undefined, came: string | Uint8Array, options: VerifyDetachedOptions = {}) {
  const server = openIdServer(key)
  return verifyDetached(server.client(), jws, came, options)
}

/** A signature with whatever header, by the bank's key. */
async function signedWith(header: Readonly<Record<string, unknown>>, payload = body): Promise<string> {
  const first = Buffer.from(JSON.stringify(header)).toString('base64url')
  const signature = await ps256.sign(Buffer.from(`${first}.${Buffer.from(payload).toString('base64url')}`))
  return `${first}..${Buffer.from(signature).toString('base64url')}`
}

const plain = { alg: 'PS256', kid: 'bank-1' }

describe('verifyDetached', () => {
  const ways: Record<string, SignDetachedOptions> = {
    'as it is since 3.1.4': { critical },
    'as it was up to 3.1.3': { critical, b64: false },
    'with typ and cty': { critical, header: { typ: 'JOSE', cty: 'application/json' } },
  }
  for (const [name, options] of Object.entries(ways))
    test(`takes what was signed ${name}, as text and as bytes`, async () => {
      const jws = await signDetached(ps256, body, { ...options, clock })
      expect(await verify(jws, body, { critical })).toMatchObject({ alg: 'PS256', [uris[0] as string]: now })
      await expect(verify(jws, Buffer.from(body), { critical })).resolves.toBeDefined()
    })

  test.each([true, false])('takes what jose has signed (b64 %s)', async b64 => {
    const sign = new FlattenedSign(Buffer.from(body)).setProtectedHeader({ ...plain, b64, crit: ['b64'] })
    const { protected: header, signature } = await sign.sign(key.privateKey)
    await expect(verify(`${header}..${signature}`, body)).resolves.toMatchObject({ b64 })
  })

  test('takes a key that has come since the set was fetched', async () => {
    const server = openIdServer(keyFor('PS256'))
    const client = server.client()
    const jws = await signDetached(ps256, body)
    expect(await failure(verifyDetached(client, jws, body))).toMatchObject({ check: 'kid' })
    server.keys = [key.jwk]
    server.clock.advance(60_000)
    await expect(verifyDetached(client, jws, body)).resolves.toBeDefined()
  })

  test('takes keys that are published elsewhere', async () => {
    const other = keyFor('ES256', { kid: 'directory' })
    const jws = await signDetached(signer({ key: other.privateKey, alg: 'ES256', kid: 'directory' }), body)
    await expect(verify(jws, body, { jwks: { keys: [other.jwk] } })).resolves.toBeDefined()
    expect(await failure(verify(jws, body))).toMatchObject({ check: 'kid' })
  })

  const altered: Record<string, string> = {
    'another amount': body.replace('10.00', '99.00'),
    'another layout': JSON.stringify(JSON.parse(body), null, 1),
    'a line break at its end': `${body}\n`,
    nothing: '',
  }
  for (const [name, came] of Object.entries(altered))
    test.each([true, false])(`refuses a body with ${name} (b64 %s)`, async b64 => {
      const jws = await signDetached(ps256, body, { critical, b64, clock })
      expect(await failure(verify(jws, came, { critical }))).toMatchObject({ check: 'signature' })
    })

  const uk = {
    ...plain,
    [uris[0] as string]: now,
    [uris[1] as string]: 'bank',
    [uris[2] as string]: 'openbanking.org.uk',
  }
  const bank = { critical: openBankingUk({ issuer: 'bank' }) }
  const wrong: readonly [what: string, check: string, header: object, options?: VerifyDetachedOptions][] = [
    ['no alg', 'alg', { kid: 'bank-1' }],
    ['alg none', 'alg', { alg: 'none' }],
    ['a MAC', 'alg', { alg: 'HS256' }],
    ['an algorithm that is not expected', 'alg', { ...plain, alg: 'RS256' }],
    ['a kid that is a number', 'kid', { ...plain, kid: 7 }],
    ['a kid that nobody has', 'kid', { ...plain, kid: 'other' }],
    ["a JWT's typ", 'typ', { ...plain, typ: 'JWT' }],
    ['a typ that is an object', 'typ', { ...plain, typ: {} }],
    ['a critical member that is not understood', 'crit', { ...plain, crit: ['exp'], exp: 1 }],
    ['an empty crit', 'crit', { ...plain, crit: [] }],
    ['a crit that is a text', 'crit', { ...plain, crit: 'b64' }],
    ['a crit with what is no name', 'crit', { ...plain, crit: [7] }],
    ['a critical member that is not there', 'crit', { ...plain, crit: ['b64'] }],
    ['a critical member twice', 'crit', { ...plain, b64: true, crit: ['b64', 'b64'] }],
    ['b64 that is not critical', 'b64', { ...plain, b64: false }],
    ['b64 that is a text', 'b64', { ...plain, b64: 'false', crit: ['b64'] }],
    ['no issuer', uris[1] as string, { ...uk, [uris[1] as string]: undefined }, bank],
    ['another issuer', uris[1] as string, { ...uk, [uris[1] as string]: 'else' }, bank],
    ['another trust anchor', uris[2] as string, { ...uk, [uris[2] as string]: 'evil.example' }, bank],
    ['a time to come', uris[0] as string, { ...uk, [uris[0] as string]: now + 61 }, bank],
    ['a time that is a text', uris[0] as string, { ...uk, [uris[0] as string]: String(now) }, bank],
    ["the profile's members where they are not expected", 'crit', { ...uk, crit: uris }],
  ]
  test.each(wrong)('refuses %s', async (_, check, header, options) => {
    expect(await failure(verify(await signedWith(header as never), body, options))).toMatchObject({
      name: 'ValidationError',
      check,
    })
  })

  test.each([
    ['none', undefined],
    ['null, as headers.get() says it', null],
    ['an empty one', ''],
    ['one with its payload', 'e30.e30.AAAA'],
    ['an unsigned one', 'e30..'],
    ['prose', 'signed, the bank'],
    ['a list', ['e30..AAAA'] as never],
    ['a header that is no JSON', 'AAAA..AAAA'],
    ['a header that is a list', `${Buffer.from('[]').toString('base64url')}..AAAA`],
    ['a long one', `${'A'.repeat(20_000)}..AAAA`],
  ])('refuses %s', async (_, jws) => {
    expect(await failure(verify(jws, body))).toMatchObject({ check: 'jws' })
  })

  test('says when the keys cannot be had, which may be better the next time', async () => {
    const server = openIdServer(key)
    server.answer = () => ({ status: 503, headers: new Headers(), body: Buffer.from('') })
    const jws = await signDetached(ps256, body)
    expect(await failure(verifyDetached(server.client(), jws, body))).toMatchObject({ check: 'jwks', retryable: true })
  })

  test.each([
    ['body', {}, {}],
    ['algorithms', body, { algorithms: ['none'] }],
    ['algorithms', body, { algorithms: [] }],
    ['jwks', body, { jwks: [] }],
    ['typ', body, { typ: 7 }],
    ['key', body, { key: 1 }],
  ])('refuses a wrong %s', async (option, came, options) => {
    expect(await failure(verify('e30..AAAA', came as never, options as never))).toMatchObject({ option })
  })

  test('refuses whatever comes, with an error of its own', async () => {
    const client = openIdServer(key).client()
    const part = fc.oneof(
      fc.string(),
      fc.json().map(text => Buffer.from(text).toString('base64url')),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string(),
          fc.array(part, { maxLength: 4 }).map(parts => parts.join('.')),
        ),
        async jws => {
          const error = await failure(verifyDetached(client, jws, body))
          expect(isGrantKitError(error) && error.code).toBe('ERR_VALIDATION')
        },
      ),
      { numRuns: 300 },
    )
  })
})
