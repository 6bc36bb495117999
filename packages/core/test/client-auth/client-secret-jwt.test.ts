import { jwtVerify } from 'jose'
import { expect, test } from 'vitest'
import { type ClientSecretJwtOptions, clientSecretJwt } from '../../src/client-auth/client-secret-jwt.js'
import type { Secret } from '../../src/secret.js'
import { authenticated, refusal } from '../answering.js'

const secret = 'a secret of sixty-four bytes or more, since HS512 wants as much as that: \u00e9'

for (const alg of ['HS256', 'HS384', 'HS512'] as const)
  test(`signs ${alg} with the secret, which is not sent`, async () => {
    const { parameters, headers } = await authenticated(clientSecretJwt(secret, { alg }))
    const { client_assertion: assertion, ...others } = parameters as Record<string, string>
    expect(others).toEqual({
      grant_type: 'x',
      client_id: 'client-1',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    })
    expect(headers).toEqual({})
    const { payload, protectedHeader } = await jwtVerify(assertion ?? '', Buffer.from(secret), {
      algorithms: [alg],
      currentDate: new Date(1_760_000_000_000),
    })
    expect(protectedHeader).toEqual({ alg, typ: 'client-authentication+jwt' })
    expect(payload).toMatchObject({ iss: 'client-1', sub: 'client-1', aud: 'https://as.example.com' })
  })

const wrong: readonly [option: string, secret: unknown, options: unknown][] = [
  ['alg', secret, {}],
  ['alg', secret, { alg: 'PS256' }],
  ['alg', secret, { alg: 'none' }],
  ['clientSecret', '', { alg: 'HS256' }],
  ['clientSecretJwt()', secret, undefined],
  ['kid', secret, { alg: 'HS256', kid: 'k' }],
  ['claims.sub', secret, { alg: 'HS256', claims: { sub: 'other' } }],
]
for (const [option, given, options] of wrong)
  test(`names ${option} when it is wrong in ${JSON.stringify(options) ?? 'no options'}`, () => {
    expect(refusal(() => clientSecretJwt(given as Secret, options as ClientSecretJwtOptions)).option).toBe(option)
  })
