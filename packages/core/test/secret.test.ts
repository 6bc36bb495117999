import { expect, test } from 'vitest'
import { identityOf, redacted, sha256 } from '../src/secret.js'

test('a redacted token tells two apart and shows none', () => {
  expect(redacted('token-a')).toMatch(/^\[redacted [\w-]{8}\]$/)
  expect(redacted('token-a')).toBe(redacted('token-a'))
  expect(redacted('token-a')).not.toBe(redacted('token-b'))
})

test('a hash is SHA-256 in base64url', () => {
  expect(sha256('abc')).toBe('ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0')
})

test('an object keeps its name, and no two share one', () => {
  const [one, other] = [() => 'a', () => 'a']
  expect(identityOf(one)).toBe(identityOf(one))
  expect(identityOf(one)).not.toBe(identityOf(other))
})
