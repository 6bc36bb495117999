import axios from 'axios'
import { describe, expect, test } from 'vitest'
import { attachTokenSource } from '../src/index.js'
import { authorizationServer } from './authorization-server.js'
import { accepting, recordingServer, redirect } from './recording-server.js'

for (const adapter of ['http', 'fetch'] as const) {
  describe(`attachTokenSource with the ${adapter} adapter`, () => {
    test('a request carries the token', async () => {
      const api = await recordingServer()
      const { source } = authorizationServer()
      const instance = axios.create({ baseURL: api.origin, adapter })
      attachTokenSource(instance, source)
      await instance.get('/accounts', { params: { page: 1 } })
      expect(api.requests).toMatchObject([
        { url: '/accounts?page=1', headers: { authorization: 'Bearer secret-token-1' } },
      ])
    })

    test('a rejected token is replaced and the request sent once more', async () => {
      const api = await recordingServer(accepting('secret-token-2'))
      const { source } = authorizationServer()
      const instance = axios.create({ baseURL: api.origin, adapter })
      attachTokenSource(instance, source)
      const { data } = await instance.post('/payments', { amount: 1 })
      expect(data).toEqual({ ok: true })
      expect(api.requests.map(({ body }) => body.toString())).toEqual(['{"amount":1}', '{"amount":1}'])
    })

    test('a redirect elsewhere is followed without the token', async () => {
      const elsewhere = await recordingServer()
      const api = await recordingServer(redirect(302, elsewhere.origin))
      const { source } = authorizationServer()
      const instance = axios.create({ baseURL: api.origin, adapter })
      attachTokenSource(instance, source)
      expect((await instance.get('/')).data).toEqual({ ok: true })
      expect(elsewhere.bytes()).not.toContain('secret-token')
    })
  })
}
