import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type ClientAssertionOptions, clientAssertion, clientCredentials, requestTokenSet } from '../../src/index.js'
import { authenticated, failure, provider, refusal } from '../answering.js'
import { issue, json, refuse, setUp, start } from '../scripted-server.js'

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
/** What a workload is given; the signature is for whoever it is shown to. */
const jwtOf = (claims: object) => `${part({ alg: 'RS256', kid: 'k' })}.${part(claims)}.secret-signature`
const seconds = start / 1000

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'grantkit-assertion-'))
  onTestFinished(() => rm(path, { recursive: true }))
  return path
}

const ask = (auth: ReturnType<typeof clientAssertion>, answer = issue()) => {
  const setup = setUp(answer, { auth })
  return { ...setup, tokenSet: () => requestTokenSet(setup.client, clientCredentials()) }
}

describe('an assertion in a file', () => {
  test('is read anew for each request, as a projected token is replaced by a symbolic link', async () => {
    const path = await folder()
    for (const name of ['first', 'second']) await writeFile(join(path, name), `${jwtOf({ name, exp: seconds + 60 })}\n`)
    const file = join(path, 'token')
    await symlink('first', file)
    const { server, tokenSet } = ask(clientAssertion({ file }))
    await tokenSet()
    await rm(file)
    await symlink('second', file)
    await tokenSet()
    expect(server.requests.map(({ form }) => form.client_assertion)).toEqual([
      jwtOf({ name: 'first', exp: seconds + 60 }),
      jwtOf({ name: 'second', exp: seconds + 60 }),
    ])
    expect(server.requests[0]?.form).toMatchObject({
      client_id: 'app',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    })
    expect(server.requests[0]?.form).not.toHaveProperty('client_secret')
  })

  test('that is gone, empty, too long or a folder is told by its path, and nothing is sent', async () => {
    const path = await folder()
    await writeFile(join(path, 'empty'), ' \n')
    await writeFile(join(path, 'long'), 'secret-'.repeat(20_000))
    await writeFile(join(path, 'lines'), 'secret\nsecret')
    const cases = { gone: 'ENOENT', empty: 'is empty', long: 'more than', lines: 'line break', '.': 'EISDIR' }
    for (const [name, problem] of Object.entries(cases)) {
      const file = join(path, name)
      const { server, tokenSet } = ask(clientAssertion({ file }))
      const error = await failure(tokenSet())
      expect(error).toMatchObject({ code: 'ERR_CLIENT_AUTHENTICATION', neverSent: true, provider: 'example' })
      expect(error.message).toContain(file)
      expect(error.message).toContain(problem)
      expect(inspect(error, { depth: 9 })).not.toContain('secret-')
      expect(server.requests).toEqual([])
    }
  })
})

describe('an assertion from a function', () => {
  test('is asked for before each attempt', async () => {
    let asked = 0
    const lost = () => {
      if (asked === 1) throw new Error('reset')
      return json(200, { access_token: 'at', token_type: 'Bearer' })
    }
    const { server, tokenSet } = ask(clientAssertion({ assertion: async () => `of.number.${++asked}` }), lost)
    await tokenSet()
    expect(server.requests.map(({ form }) => form.client_assertion)).toEqual(['of.number.1', 'of.number.2'])
  })

  test.each([undefined, 42, '', '  '])('that yields %o is told, and nothing is sent', async value => {
    const { server, tokenSet } = ask(clientAssertion({ assertion: () => value as string }))
    expect(await failure(tokenSet())).toMatchObject({ code: 'ERR_CLIENT_AUTHENTICATION', neverSent: true })
    expect(server.requests).toEqual([])
  })

  test('that yields no JWT, such as a key read by mistake, is told, and sent nowhere', async () => {
    const { server, tokenSet } = ask(clientAssertion({ assertion: () => 'an-opaque-secret' }))
    const error = await failure(tokenSet())
    expect(error).toMatchObject({ code: 'ERR_CLIENT_AUTHENTICATION', neverSent: true })
    expect(error.message).toBe('clientAssertion: what the function returned is no JWT')
    expect(server.requests).toEqual([])
  })

  test('that fails is told with its reason', async () => {
    const assertion = () => Promise.reject(new Error('the agent is not there'))
    const error = await failure(ask(clientAssertion({ assertion })).tokenSet())
    expect(error).toMatchObject({ code: 'ERR_CLIENT_AUTHENTICATION', cause: { message: 'the agent is not there' } })
  })
})

describe('its own expiry', () => {
  const send = (claims: object) => ask(clientAssertion({ assertion: () => jwtOf(claims) }))

  test('keeps it from being sent, and is told with the moment', async () => {
    const { server, tokenSet } = send({ exp: seconds - 90 })
    const error = await failure(tokenSet())
    expect(error).toMatchObject({ code: 'ERR_CLIENT_AUTHENTICATION', retryable: true, neverSent: true })
    expect(error.message).toContain('has expired, at 2023-11-14T22:11:50.000Z, 90 s ago')
    expect(inspect(error)).not.toContain('secret-signature')
    expect(server.requests).toEqual([])
  })

  test('makes nobody rest: the next one is sent', async () => {
    let exp = seconds - 1
    const { tokenSet } = ask(clientAssertion({ assertion: () => jwtOf({ exp }) }))
    await failure(tokenSet())
    exp = seconds + 1
    await tokenSet()
  })

  test.each([{}, { exp: String(seconds - 1) }, { exp: null }])(
    'that cannot be read keeps nothing back: %o',
    async claims => {
      await send(claims).tokenSet()
    },
  )

  test.each([-1e300, 0, -5])('may be any number: %d', async exp => {
    expect((await failure(send({ exp }).tokenSet())).message).toContain('has expired')
  })
})

describe('clientAssertion', () => {
  test('goes by the type and the method of SPIFFE, or any other', async () => {
    const type = 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe'
    const spiffe = clientAssertion({ assertion: () => 'jwt.svid.signature', type })
    expect(spiffe.method).toBe('spiffe_jwt')
    expect((await authenticated(spiffe)).parameters).toMatchObject({ client_assertion_type: type })
    expect(clientAssertion({ assertion: () => 'x', method: 'federated' }).method).toBe('federated')
    const list = { token_endpoint_auth_methods_supported: ['client_secret_basic'] }
    const client = () => setUp(undefined, { auth: spiffe, provider: provider({}, list) })
    expect(refusal(client).option).toBe('auth')
  })

  test('a cool-down ends with another assertion, and not with the same claims signed anew', async () => {
    const path = join(await folder(), 'token')
    const ofFile = clientAssertion({ file: path })
    await writeFile(path, 'one')
    const before = await ofFile.fingerprint?.()
    await writeFile(path, 'two')
    expect(await ofFile.fingerprint?.()).not.toBe(before)
    let claims: object = { sub: 'ci', jti: 1, iat: 1, exp: 2 }
    const ofFunction = clientAssertion({ assertion: () => jwtOf(claims) })
    const first = await ofFunction.fingerprint?.()
    claims = { sub: 'ci', jti: 2, iat: 3, exp: 4 }
    expect(await ofFunction.fingerprint?.()).toBe(first)
    claims = { sub: 'another', jti: 2, iat: 3, exp: 4 }
    expect(await ofFunction.fingerprint?.()).not.toBe(first)
  })

  test('appears in no error that repeats it', async () => {
    const assertion = () => jwtOf({ sub: 'ci' })
    const repeating = ask(clientAssertion({ assertion }), ({ form }) =>
      json(401, { error: 'invalid_client', error_description: `bad ${form.client_assertion}` }),
    )
    expect(inspect(await failure(repeating.tokenSet()), { depth: 9 })).not.toContain('secret-signature')
    expect(
      (await failure(ask(clientAssertion({ assertion }), refuse(401, 'invalid_client')).tokenSet())).message,
    ).toContain('kid k, alg RS256')
  })

  const wrong: readonly (readonly [string, object, string])[] = [
    ['nothing', {}, 'assertion'],
    ['both', { assertion: () => 'x', file: '/x' }, 'file'],
    ['an assertion that would expire', { assertion: 'a.b.c' }, 'assertion'],
    ['a path of an unset variable', { file: 'undefined' }, 'file'],
    ['an empty type', { assertion: () => 'x', type: '' }, 'type'],
  ]
  test.each(wrong)('refuses %s', (_, options, option) => {
    expect(refusal(() => clientAssertion(options as ClientAssertionOptions)).option).toBe(option)
  })
})
