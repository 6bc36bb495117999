import { describe, expect, test } from 'vitest'
import { requestForAcr } from '../../src/front-channel/claims-request.js'
import { provider } from '../answering.js'

const strong = ['urn:bank:strong']
const silent = provider()
const readsClaims = provider({}, { claims_parameter_supported: true })
const acr = { essential: true, value: 'urn:weak' }

describe('levels of authentication are asked for', () => {
  test('by acr_values where the server is not known to read claims', () => {
    expect(requestForAcr(silent, { claims: { id_token: { email: null } } }, strong)).toEqual({ acrValues: strong })
  })

  test.each([
    ['the server says that it reads them', readsClaims, { claims: {}, acrValues: 'urn:weak' }],
    ['one is asked for so already', silent, { essentialAcr: 'urn:weak' }],
    ['one is among the claims already', silent, { claims: { id_token: { acr } } }],
  ])('as an essential claim alone where %s', (_, server, options) => {
    const request = { ...options, ...requestForAcr(server, options, strong) }
    expect(request).toMatchObject({ acrValues: undefined, essentialAcr: strong })
    expect(request).not.toHaveProperty('claims.id_token.acr')
  })

  test('beside the other claims', () => {
    const claims = { id_token: { acr, email: null }, userinfo: { name: null } }
    expect(requestForAcr(silent, { claims }, strong).claims).toEqual({
      id_token: { email: null },
      userinfo: { name: null },
    })
  })
})
