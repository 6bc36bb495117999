/** What does not fit at a FAPI server, an axis of the combinations at a time: by whom it is refused, and what is left. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type AuthorizationTransaction,
  type ClientOptions,
  clientCertificate,
  createAuthorizationRequest,
  createUserTokenSources,
  dpopKey,
  memoryStore,
  readAuthorizationResponse,
  requestTokenSet,
  sealedStore,
  signer,
  type TokenStore,
} from '../../src/index.js'
import { failure } from '../answering.js'
import { keyFor } from '../openid-server.js'
import {
  type Combination,
  certificateOf,
  clientIdOf,
  clientOf,
  confirmationOf,
  fapi1Advanced,
  fapi2,
  registered,
  requestOf,
} from './combinations.js'
import { answerTo, apiOf, grantOf } from './journey.js'
import { type Bank, certificates, startBank, thumbprintOf } from './server.js'

const all = [...fapi1Advanced('PS256'), ...fapi2('PS256')]
const pick = (wanted: Partial<Combination>) => {
  const found = all.find(one =>
    Object.entries(wanted).every(([axis, value]) => one[axis as keyof Combination] === value),
  )
  if (found === undefined) throw new Error('there is no such combination')
  return found
}
const withDpop = pick({ auth: 'private_key_jwt', boundTo: 'DPoP key', response: 'plain' })
const withCertificate = pick({ profile: '2.0', auth: 'private_key_jwt', boundTo: 'certificate' })

let bank: Bank

beforeAll(async () => {
  bank = await startBank(all.map(registered))
})
afterAll(() => bank.close())

const other = clientCertificate({ cert: certificates.other.cert, key: certificates.other.key })
const byOther = { tls: { ca: certificates.ca, certificate: other } }

/** A store as each new process has it: the same records, read anew. */
function processes() {
  const records = memoryStore()
  const keys = [{ id: 'test', key: Buffer.alloc(32, 7) }]
  return (): TokenStore => sealedStore(records, { keys })
}

async function userOf(combination: Combination, store: TokenStore, options: Partial<ClientOptions> = {}) {
  const client = await clientOf(bank, combination, options)
  return { client, user: createUserTokenSources({ client, store }).for('ann') }
}

const refreshesOf = (combination: Combination) => bank.refreshed.filter(id => id === clientIdOf(combination)).length

describe('another certificate', () => {
  test.each(['tls_client_auth', 'self_signed_tls_client_auth'] as const)('is no %s', async auth => {
    const client = await clientOf(bank, pick({ profile: '2.0', auth, boundTo: 'certificate' }), byOther)
    const request = createAuthorizationRequest(client, requestOf(withCertificate))
    expect(await failure(request)).toMatchObject({ code: 'ERR_SERVER_REFUSED', error: 'invalid_client' })
    await client.close()
  })

  test('has another token than the one in the store, after a restart', async () => {
    const begin = processes()
    const before = await userOf(withCertificate, begin())
    const held = await before.user.redeem(await grantOf(before.client, withCertificate))
    const refreshes = refreshesOf(withCertificate)

    const same = await userOf(withCertificate, begin())
    expect((await same.user.getTokenSet()).accessToken).toBe(held.accessToken)
    expect(refreshesOf(withCertificate)).toBe(refreshes)

    const after = await userOf(withCertificate, begin(), byOther)
    expect((await after.user.getTokenSet()).accessToken).not.toBe(held.accessToken)
    const boundTo = thumbprintOf(certificates.other.cert)
    expect(await apiOf(bank, after.user, { certificate: other })()).toEqual({ sub: 'ann', boundTo })
    expect(refreshesOf(withCertificate)).toBe(refreshes + 1)
    expect(bank.revoked).not.toContain(clientIdOf(withCertificate))
    await Promise.all([before, same, after].map(({ client }) => client.close()))
  })

  test('at the API alone gets nothing, renewed once or not', async () => {
    const { client, user } = await userOf(withCertificate, memoryStore())
    await user.redeem(await grantOf(client, withCertificate))
    const refreshes = refreshesOf(withCertificate)
    expect(await apiOf(bank, user, { certificate: other })()).toEqual({ refused: 'another_certificate' })
    expect(refreshesOf(withCertificate)).toBe(refreshes + 1)
    expect(await apiOf(bank, user, certificateOf(withCertificate))()).toMatchObject({ sub: 'ann' })
    await client.close()
  })
})

describe('another DPoP key', () => {
  test('has another token than the one in the store, after a restart', async () => {
    const begin = processes()
    const before = await userOf(withDpop, begin())
    const held = await before.user.redeem(await grantOf(before.client, withDpop))
    const refreshes = refreshesOf(withDpop)

    const same = await userOf(withDpop, begin())
    expect((await same.user.getTokenSet()).accessToken).toBe(held.accessToken)
    expect(await apiOf(bank, same.user, {})()).toEqual({ sub: 'ann', boundTo: confirmationOf(withDpop).jkt })
    expect(refreshesOf(withDpop)).toBe(refreshes)

    const dpop = dpopKey()
    const after = await userOf(withDpop, begin(), { dpop })
    expect((await after.user.getTokenSet()).accessToken).not.toBe(held.accessToken)
    expect(await apiOf(bank, after.user, {})()).toEqual({ sub: 'ann', boundTo: dpop.thumbprint })
    expect(refreshesOf(withDpop)).toBe(refreshes + 1)
    expect(bank.revoked).not.toContain(clientIdOf(withDpop))
    await Promise.all([before, same, after].map(({ client }) => client.close()))
  })

  test('redeems no code: neither here, nor at the server', async () => {
    const withNonces = pick({ auth: 'private_key_jwt', boundTo: 'DPoP key with nonces', response: 'plain' })
    const client = await clientOf(bank, withNonces)
    const dpop = dpopKey()
    const restarted = await clientOf(bank, withNonces, { dpop })
    const { transaction, answer } = await answerTo(client, requestOf(withNonces))
    const read = (kept: AuthorizationTransaction) => readAuthorizationResponse(restarted, kept, answer)
    expect(await failure(read(transaction))).toMatchObject({ check: 'dpop_jkt' })
    const grant = await read({ ...transaction, dpopThumbprint: dpop.thumbprint })
    expect(await failure(requestTokenSet(restarted, grant))).toMatchObject({ error: 'invalid_grant' })
    await Promise.all([client.close(), restarted.close()])
  })
})

describe('a request that is not as it has to be', () => {
  const signedAndPushed = pick({ profile: '2.0', request: 'signed and pushed', auth: 'private_key_jwt' })
  const { requestObject: _, ...unsigned } = requestOf(signedAndPushed)
  const signed = pick({ profile: '1.0 Final', request: 'signed', auth: 'private_key_jwt' })

  test('unsigned, is refused here where the registration is known', async () => {
    const client = await clientOf(bank, signedAndPushed)
    expect(await failure(createAuthorizationRequest(client, unsigned))).toMatchObject({ option: 'requestObject' })
    await client.close()
  })

  test('unsigned, is refused by the server before the browser sees it', async () => {
    const client = await clientOf(bank, signedAndPushed, { metadata: { require_pushed_authorization_requests: true } })
    expect(await failure(createAuthorizationRequest(client, unsigned))).toMatchObject({
      code: 'ERR_SERVER_REFUSED',
      error: 'invalid_request',
    })
    await client.close()
  })

  const byAnother = { requestObject: { signer: signer({ key: keyFor('PS256').privateKey, alg: 'PS256' }) } }

  test('signed by a key that is not registered, and pushed', async () => {
    const client = await clientOf(bank, signedAndPushed)
    const request = { ...requestOf(signedAndPushed), ...byAnother }
    expect(await failure(createAuthorizationRequest(client, request))).toMatchObject({
      code: 'ERR_SERVER_REFUSED',
      error: 'invalid_request_object',
    })
    await client.close()
  })

  test('signed by a key that is not registered, in the URL', async () => {
    const client = await clientOf(bank, signed)
    const { transaction, answer } = await answerTo(client, { ...requestOf(signed), ...byAnother })
    expect(await failure(readAuthorizationResponse(client, transaction, answer))).toMatchObject({
      code: 'ERR_AUTHORIZATION_REFUSED',
      error: 'invalid_request_object',
    })
    await client.close()
  })

  test('not pushed, is refused here, and by the server', async () => {
    const request = { ...requestOf(signedAndPushed), pushed: false }
    const client = await clientOf(bank, signedAndPushed)
    expect(await failure(createAuthorizationRequest(client, request))).toMatchObject({ option: 'pushed' })
    const unaware = await clientOf(bank, signedAndPushed, { metadata: { authorization_signed_response_alg: 'PS256' } })
    const { transaction, answer } = await answerTo(unaware, request)
    expect(await failure(readAuthorizationResponse(unaware, transaction, answer))).toMatchObject({
      code: 'ERR_AUTHORIZATION_REFUSED',
      error: 'invalid_request',
    })
    await Promise.all([client.close(), unaware.close()])
  })
})

describe('an answer that is not as it has to be', () => {
  const byJarm = pick({ profile: '2.0', response: 'JARM', auth: 'private_key_jwt' })
  const hybrid = pick({ responseType: 'code id_token', response: 'plain', request: 'signed and pushed' })

  /** A login whose answer somebody has changed on its way. */
  async function changed(combination: Combination, change: (answer: URL) => URL | Promise<URL>) {
    const client = await clientOf(bank, combination)
    const { transaction, answer } = await answerTo(client, requestOf(combination))
    const brought = (await change(new URL(String(answer)))).href
    const refusal = await failure(readAuthorizationResponse(client, transaction, brought))
    // what came of it does no harm to the login itself
    await requestTokenSet(client, await readAuthorizationResponse(client, transaction, String(answer)))
    await client.close()
    return refusal
  }

  test('plain, where a signed one was asked for', async () => {
    const refusal = await changed(byJarm, answer => {
      const [, payload = ''] = String(answer.searchParams.get('response')).split('.')
      const { code, state, iss } = JSON.parse(Buffer.from(payload, 'base64url').toString())
      answer.search = new URLSearchParams({ code, state, iss }).toString()
      return answer
    })
    expect(refusal).toMatchObject({ check: 'response_mode' })
  })

  test('signed, and changed since', async () => {
    const refusal = await changed(byJarm, answer => {
      const [header, payload = '', signature] = String(answer.searchParams.get('response')).split('.')
      const claims = { ...JSON.parse(Buffer.from(payload, 'base64url').toString()), code: 'of-somebody-else' }
      const other = Buffer.from(JSON.stringify(claims)).toString('base64url')
      answer.searchParams.set('response', [header, other, signature].join('.'))
      return answer
    })
    expect(refusal).toMatchObject({ check: 'signature' })
  })

  test('with a code that its ID token does not vouch for', async () => {
    const client = await clientOf(bank, hybrid)
    const { transaction, answer } = await answerTo(client, requestOf(hybrid))
    const parameters = new URLSearchParams(new URL(String(answer)).hash.slice(1))
    parameters.set('code', 'of-somebody-else')
    const brought = `${transaction.redirectUri}#${parameters}`
    expect(await failure(readAuthorizationResponse(client, transaction, brought))).toMatchObject({ check: 'c_hash' })
    await client.close()
  })
})
