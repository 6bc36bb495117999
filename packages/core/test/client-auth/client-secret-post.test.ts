import { expect, test } from 'vitest'
import { clientSecretPost } from '../../src/client-auth/client-secret-post.js'
import { authenticated } from '../answering.js'

test('sends id and secret as parameters and no header', async () => {
  expect(clientSecretPost('s').method).toBe('client_secret_post')
  expect(await authenticated(clientSecretPost('s^|),:'))).toEqual({
    parameters: { grant_type: 'x', client_id: 'client-1', client_secret: 's^|),:' },
    headers: {},
  })
})

test('replaces what stands under its names', async () => {
  const auth = clientSecretPost('s')
  const context = {
    clientId: 'client-1',
    provider: {} as never,
    endpointName: 'token_endpoint' as const,
    endpoint: '',
    clock: { now: () => 0 },
  }
  const { parameters } = await auth.authenticate({ client_id: 'other', client_secret: 'other' }, context)
  expect(parameters).toEqual({ client_id: 'client-1', client_secret: 's' })
})
