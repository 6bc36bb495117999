import { expect, test } from 'vitest'
import { none } from '../../src/client-auth/none.js'
import { authenticated } from '../answering.js'

test('sends the client id and nothing else', async () => {
  expect(none().method).toBe('none')
  expect(await authenticated(none())).toEqual({ parameters: { grant_type: 'x', client_id: 'client-1' }, headers: {} })
})
