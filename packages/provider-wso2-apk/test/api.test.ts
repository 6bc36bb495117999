/** What APK's gateway says to a bad token (providers.md, 2.5). */
import { attach, parseOrigins } from '@grantkit/core/kit'
import { describe, expect, test } from 'vitest'
import { startApk } from './apk.js'

describe('a 401 of the gateway asks for a new token, whatever its body', () => {
  test.each(['1.0', '1.3', 'local-reply'] as const)('as version %s words it', async gatewayVersion => {
    await using apk = await startApk()
    apk.system.settings.gatewayVersion = gatewayVersion
    const source = apk.source()
    apk.system.revoke((await source.getTokenSet()).accessToken)
    const { apiUrl, apiOrigin } = apk.system
    const attached = await attach(source, parseOrigins([apiOrigin]), { method: 'GET', url: apiUrl })
    const call = () => source.client.transport({ method: 'GET', url: apiUrl, headers: attached.headers })
    const answer = await call()
    expect(answer.status).toBe(401)
    const wwwAuthenticate = answer.headers.get('www-authenticate') ?? undefined
    const body = async () => new TextDecoder().decode(answer.body)
    expect(await attached.replay({ status: 401, wwwAuthenticate, body }, true)).toBeDefined()
    expect((await call()).status).toBe(200)
  })

  test('and with no body and no header at all', async () => {
    await using apk = await startApk()
    const source = apk.source()
    const origins = parseOrigins([apk.system.apiOrigin])
    const attached = await attach(source, origins, { method: 'GET', url: apk.system.apiUrl })
    const bare = { status: 401, wwwAuthenticate: undefined, body: async () => '' }
    expect(await attached.replay(bare, true)).toBeDefined()
  })

  test('another status does not', async () => {
    await using apk = await startApk()
    const source = apk.source()
    const origins = parseOrigins([apk.system.apiOrigin])
    const attached = await attach(source, origins, { method: 'GET', url: apk.system.apiUrl })
    const forbidden = { status: 403, wwwAuthenticate: undefined, body: async () => '{"code":"900901"}' }
    expect(await attached.replay(forbidden, true)).toBeUndefined()
  })
})
