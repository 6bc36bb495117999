import { expect, test } from 'vitest'
import { startSandbox } from '../src/index.js'
import { call, callApi, postForm, requestToken } from './client.js'

test('every system gives a token the documented way and its API takes it', async () => {
  await using sandbox = await startSandbox()
  const { wso2ApiManager, wso2IdentityServer, wso2Apk, coreBanking, fiservCiam } = sandbox

  for (const system of [wso2ApiManager, wso2IdentityServer]) {
    const { json } = await requestToken(sandbox, system)
    expect((await callApi(sandbox, system, json.access_token)).status).toBe(200)
  }
  const basic = Buffer.from(`${wso2Apk.clientId}:${wso2Apk.clientSecret}`).toString('base64')
  const headers = { authorization: `Basic ${basic}` }
  const apk = await postForm(sandbox, wso2Apk, { grant_type: 'client_credentials' }, { headers })
  expect((await callApi(sandbox, wso2Apk, apk.json.access_token)).status).toBe(200)

  const bank = await call(sandbox, coreBanking, coreBanking.tokenEndpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ clientId: coreBanking.clientId, clientSecret: coreBanking.clientSecret }),
  })
  expect((await callApi(sandbox, coreBanking, bank.json.accessToken)).status).toBe(200)

  const ciam = await call(sandbox, fiservCiam, fiservCiam.tokenEndpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      grant_type: 'client_credentials',
      client_id: fiservCiam.clientId,
      client_secret: fiservCiam.clientSecret,
    }),
  })
  expect((await callApi(sandbox, fiservCiam, ciam.json.access_token)).status).toBe(200)
})
