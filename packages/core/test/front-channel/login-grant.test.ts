import { expect, test } from 'vitest'
import { readAuthorizationResponse } from '../../src/front-channel/authorization-response.js'
import { requestTokenSet } from '../../src/index.js'
import { json } from '../scripted-server.js'
import { begun, idTokenOf, query, redirectUri } from './login.js'

test('the keys are there before a code is sent: nobody holds its answer while they are fetched', async () => {
  const { server, client, transaction } = await begun({ scope: 'openid' })
  const order: string[] = []
  server.answer = () => {
    order.push('keys')
    return json(200, { keys: server.keys })
  }
  server.tokens = async () => {
    order.push('code')
    return json(200, { access_token: 'access', token_type: 'Bearer', id_token: await idTokenOf(transaction) })
  }
  const answer = query({ code: 'a code', state: transaction.state })
  const grant = await readAuthorizationResponse(client, transaction, `${redirectUri}?${answer}`)
  expect((await requestTokenSet(client, grant)).idTokenClaims).toMatchObject({ sub: 'user' })
  expect(order).toEqual(['keys', 'code'])
})
