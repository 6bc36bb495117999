import { randomBytes } from 'node:crypto'
import { CompactEncrypt, compactDecrypt, decodeProtectedHeader } from 'jose'
import { describe, expect, test } from 'vitest'
import { createSeal, sealingKeyIdOf } from '../src/sealing.js'

const newKey = (id: string) => ({ id, key: randomBytes(32) })
const header = { for: 'session', app: 'a1' }

describe('a seal', () => {
  test('gives back any JSON, and shows nothing but the header', async () => {
    const seal = createSeal([newKey('k1')])
    for (const value of [null, '', 'ü\ud800', 0, [1, { a: 'b' }], { sub: 'mkr', deep: { list: [true, null] } }]) {
      const sealed = await seal.seal(value, header)
      expect(sealed).toMatch(/^[\w-]+\.\.[\w-]+\.[\w-]+\.[\w-]+$/)
      expect(decodeProtectedHeader(sealed)).toEqual({ alg: 'dir', enc: 'A256GCM', kid: 'k1', ...header })
      expect(await seal.open(sealed, header)).toEqual(value)
    }
  })

  test('opens what each of its keys sealed, and tells the ones to be sealed anew', async () => {
    const [before, after] = [newKey('2025'), newKey('2026')]
    const sealed = await createSeal([before]).seal('value', header)
    const both = createSeal([after, before])
    expect(await both.open(sealed, header)).toBe('value')
    expect(both.keyIds).toEqual(['2026', '2025'])
    expect(sealingKeyIdOf(sealed)).toBe('2025')
    expect(sealingKeyIdOf(await both.seal('value', header))).toBe('2026')
    expect([sealed, await both.seal('value', header), 'no seal'].map(both.isOfFirstKey)).toEqual([false, true, false])
    expect(await createSeal([after]).open(sealed, header)).toBeUndefined()
    expect(await createSeal([newKey('2025')]).open(sealed, header)).toBeUndefined()
  })

  test.each([
    ['another value', { for: 'session', app: 'a2' }],
    ['another member', { for: 'session', aud: 'a1' }],
    ['a member less', { for: 'session' }],
    ['a member more', { ...header, more: '' }],
    ['none', {}],
  ])('does not open for another header: %s', async (_, other) => {
    const seal = createSeal([newKey('k1')])
    expect(await seal.open(await seal.seal('value', header), other)).toBeUndefined()
    expect(await seal.open(await seal.seal('value', other), header)).toBeUndefined()
  })

  test('does not open by the header of what it has opened just before', async () => {
    const seal = createSeal([newKey('k1')])
    const other = { for: 'login', app: 'a1' }
    const [session, login] = [await seal.seal('session', header), await seal.seal('login', other)]
    const swapped = [login.split('.')[0], ...session.split('.').slice(1)].join('.')
    expect(await seal.open(session, header)).toBe('session')
    expect(await seal.open(session, other)).toBeUndefined()
    expect(await seal.open(login, header)).toBeUndefined()
    expect(await seal.open(login, other)).toBe('login')
    expect(await seal.open(swapped, other)).toBeUndefined()
    expect(await seal.open(session, header)).toBe('session')
  })

  test('a header cannot take the place of what the encryption says', async () => {
    const seal = createSeal([newKey('k1')])
    const sealed = await seal.seal('value', { alg: 'none', enc: 'none', kid: 'k2' })
    expect(decodeProtectedHeader(sealed)).toEqual({ alg: 'dir', enc: 'A256GCM', kid: 'k1' })
  })

  test('is what jose opens, and opens what jose has sealed with the same header', async () => {
    const { id, key } = newKey('k1')
    const seal = createSeal([{ id, key }])
    const { plaintext } = await compactDecrypt(await seal.seal({ sub: 'ü' }, header), key)
    expect(JSON.parse(new TextDecoder().decode(plaintext))).toEqual({ sub: 'ü' })
    const foreign = new CompactEncrypt(new TextEncoder().encode('{"sub":"ü"}'))
    foreign.setProtectedHeader({ kid: id, ...header, enc: 'A256GCM', alg: 'dir' })
    expect(await seal.open(await foreign.encrypt(key), header)).toEqual({ sub: 'ü' })
  })

  test('takes no tag or initialization vector that is shorter, and no part more', async () => {
    const key = newKey('k1')
    const seal = createSeal([key])
    const [head = '', , iv = '', ciphertext, tag = ''] = (await seal.seal('value', header)).split('.')
    const cut = (part: string, bytes: number) => Buffer.from(part, 'base64url').subarray(0, bytes).toString('base64url')
    // any of these tags is right as far as it goes, and Node takes them unless it is told the length
    const shorter = [4, 8, 12, 13, 14, 15].map(bytes => [head, '', iv, ciphertext, cut(tag, bytes)])
    const others = [...shorter, [head, '', cut(iv, 11), ciphertext, tag], [head, 'a', iv, ciphertext, tag]]
    for (const parts of [...others, [head, '', iv, ciphertext, tag, '']])
      expect(await seal.open(parts.join('.'), header)).toBeUndefined()
    expect(await seal.open([head, '', iv, ciphertext, tag].join('.'), header)).toBe('value')
  })

  test('opens nothing that was changed, cut or made elsewhere, and throws at none of it', async () => {
    const key = newKey('k1')
    const seal = createSeal([key])
    const sealed = await seal.seal({ sub: 'u1' }, header)
    const plain = new TextEncoder().encode('no JSON')
    const noJson = await new CompactEncrypt(plain)
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: 'k1', ...header })
      .encrypt(key.key)
    const bad = [...Array(sealed.length).keys()].map(
      at => sealed.slice(0, at) + (sealed[at] === 'x' ? 'y' : 'x') + sealed.slice(at + 1),
    )
    // the last characters of a part may hold bits that belong to nothing
    const opened = await Promise.all(bad.map(each => seal.open(each, header)))
    expect(opened.filter(value => value !== undefined).every(value => (value as { sub: string }).sub === 'u1')).toBe(
      true,
    )
    expect(opened.filter(value => value !== undefined).length).toBeLessThan(5)
    const others = [
      '',
      '.',
      '....',
      'a.b.c.d.e',
      sealed.slice(0, -1),
      `${sealed}.`,
      noJson,
      'null.',
      `${'x'.repeat(100_000)}.a`,
    ]
    for (const other of others) expect(await seal.open(other, header)).toBeUndefined()
  })
})
