/** How a provider's clients authenticate, and what is said of an option that is wrong. */
import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { applicationTokens, tokenRequests } from './asking.js'
import type { ProviderCase, RequestReceived } from './provider-under-test.js'

export const settingCases: readonly ProviderCase[] = [
  {
    name: 'authenticates by its one method, in the body or the header and never in the URL',
    async run(provider, { authMethod }) {
      await applicationTokens(provider).getTokenSet()
      const [request] = tokenRequests(provider)
      assert.ok(request)
      assert.deepEqual(methodsIn(request, provider.secrets), methodsWithTraces.includes(authMethod) ? [authMethod] : [])
      assert.equal(request.query, '')
    },
  },
  {
    name: 'names the option that is wrong',
    async run(_, { wrongOptions }) {
      assert.ok(wrongOptions.length > 0, 'wrongOptions is empty')
      for (const { option, make } of wrongOptions)
        assert.throws(make, (error: unknown) => {
          assert.ok(error instanceof TypeError, inspect(error))
          assert.equal((error as TypeError & { option?: string }).option, option)
          return true
        })
    },
  },
]

/** Methods that leave a trace in headers or body; a certificate leaves none there. */
const methodsWithTraces = ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'client_secret_jwt']

/** A secret in the body is known by its value: servers have names of their own for it. */
function methodsIn({ headers, parameters }: RequestReceived, secrets: readonly string[]): string[] {
  const [names, values] = [Object.keys(parameters), Object.values(parameters)]
  const assertion = parameters.client_assertion
  return [
    headers.authorization !== undefined && 'client_secret_basic',
    (values.some(value => secrets.includes(value)) || names.some(name => /^client_?secret$/i.test(name))) &&
      'client_secret_post',
    assertion !== undefined && (/^HS/.test(algorithmOf(assertion)) ? 'client_secret_jwt' : 'private_key_jwt'),
  ].filter(method => method !== false)
}

function algorithmOf(jwt: string): string {
  return JSON.parse(Buffer.from(jwt.split('.')[0] ?? '', 'base64url').toString()).alg
}
