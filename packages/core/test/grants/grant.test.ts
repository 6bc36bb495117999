import { describe, expect, test } from 'vitest'
import { authorizationCode } from '../../src/grants/authorization-code.js'
import { clientCredentials } from '../../src/grants/client-credentials.js'
import { checkIsGrant, type Grant, type GrantOptions, grantParameters, splitScope } from '../../src/grants/grant.js'
import { refreshToken } from '../../src/grants/refresh-token.js'
import { refusal, sent } from '../answering.js'

const makers = {
  clientCredentials: (options: object) => clientCredentials(options),
  refreshToken: (options: object) => refreshToken({ refreshToken: 'rt', ...options }),
  authorizationCode: (options: object) => authorizationCode({ code: 'c', ...options }),
}
const protocol = [
  'grant_type',
  'scope',
  'resource',
  'client_id',
  'client_secret',
  'client_assertion',
  'client_assertion_type',
  'code',
  'code_verifier',
  'redirect_uri',
  'refresh_token',
]

for (const [name, make] of Object.entries(makers))
  describe(name, () => {
    for (const parameter of protocol)
      test(`refuses ${parameter} among the extra parameters`, () => {
        expect(refusal(() => make({ parameters: { [parameter]: 'x' } })).option).toBe(`parameters.${parameter}`)
      })

    test('carries scope, resource and extra parameters', async () => {
      const parameters = await sent(make({ scope: ['a', 'b'], resource: ['https://r'], parameters: { tenant: 't' } }))
      expect(parameters).toMatchObject({ scope: 'a b', resource: ['https://r'], tenant: 't' })
    })

    test('asks for no scope unless told to', async () => {
      for (const scope of [undefined, '', '  ', []]) expect((await sent(make({ scope }))).scope).toBeUndefined()
    })

    test('refuses an option it does not know, and a scope that is none', () => {
      expect(refusal(() => make({ scopes: 'a' })).option).toBe('scopes')
      expect(refusal(() => make({ Scope: 'a' })).message).toContain('did you mean scope?')
      expect(refusal(() => make({ scope: 42 })).option).toBe('scope')
    })

    test('refuses a resource that is no absolute URI, or has a fragment', () => {
      for (const resource of ['', 'api', '/accounts', 'https://r#part', 7, ['https://r', 'api']])
        expect(refusal(() => make({ resource })).message).toMatch(/^resource: /)
    })
  })

test('a scope may come as text or list, with any number of blanks', () => {
  expect(splitScope('accounts payments  openid')).toEqual(['accounts', 'payments', 'openid'])
  expect(splitScope(['a b', ' c\t'])).toEqual(['a', 'b', 'c'])
  expect(splitScope(undefined)).toEqual([])
})

test('an extra parameter never stands before one of the protocol', () => {
  const options = { scope: 'a', parameters: { tenant: 't' } } satisfies GrantOptions
  expect(grantParameters(options)).toEqual({ tenant: 't', scope: 'a', resource: undefined })
})

test("an extra parameter replaces none of the grant's own, which no list has to name", () => {
  const options = { parameters: { assertion: 'x' } }
  expect(refusal(() => grantParameters(options, { assertion: 'a' })).option).toBe('parameters.assertion')
  expect(grantParameters({ scope: 'a' }, { assertion: 'a' })).toEqual({
    scope: 'a',
    resource: undefined,
    assertion: 'a',
  })
})

describe('a grant that somebody else made', () => {
  const grant: Grant = { grantType: 'x', identity: {}, parameters: () => ({}), resend: 'always' }

  test('is taken when it says what it is', () => {
    expect(() => checkIsGrant(grant)).not.toThrow()
    expect(() => checkIsGrant({ ...grant, validate: () => {} })).not.toThrow()
  })

  test.each([
    ['grant', Promise.resolve(grant)],
    ['grant', undefined],
    ['grant', { ...grant, grantType: undefined }],
    ['grant.parameters', { grantType: 'x', parameters: {}, repeatable: true }],
    ['grant.parameters', { ...grant, parameters: undefined }],
    ['grant.identity', { ...grant, identity: undefined }],
    ['grant.identity', { ...grant, identity: 'a text' }],
    ['grant.resend', { ...grant, resend: undefined }],
    ['grant.resend', { ...grant, resend: true }],
    ['grant.validate', { ...grant, validate: 'sub' }],
  ])('is refused by the name of what it lacks: %s of %j', (option, wrong) => {
    expect(refusal(() => checkIsGrant(wrong)).option).toBe(option)
  })

  test('is told what it may say', () => {
    expect(refusal(() => checkIsGrant({ ...grant, resend: 'once' })).message).toBe(
      "grant.resend: must be 'always' or 'unsent' or 'never'",
    )
  })
})
