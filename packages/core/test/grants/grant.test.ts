import { describe, expect, test } from 'vitest'
import { authorizationCode } from '../../src/grants/authorization-code.js'
import { clientCredentials } from '../../src/grants/client-credentials.js'
import { type GrantOptions, grantParameters, splitScope } from '../../src/grants/grant.js'
import { refreshToken } from '../../src/grants/refresh-token.js'
import { refusal } from '../answering.js'

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

    test('carries scope, resource and extra parameters', () => {
      const { parameters } = make({ scope: ['a', 'b'], resource: ['https://r'], parameters: { tenant: 't' } })
      expect(parameters).toMatchObject({ scope: 'a b', resource: ['https://r'], tenant: 't' })
    })

    test('asks for no scope unless told to', () => {
      for (const scope of [undefined, '', '  ', []]) expect(make({ scope }).parameters.scope).toBeUndefined()
    })

    test('refuses an option it does not know, and a scope that is none', () => {
      expect(refusal(() => make({ scopes: 'a' })).option).toBe('scopes')
      expect(refusal(() => make({ Scope: 'a' })).message).toContain('did you mean scope?')
      expect(refusal(() => make({ scope: 42 })).option).toBe('scope')
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
