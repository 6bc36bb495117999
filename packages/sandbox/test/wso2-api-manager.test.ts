import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Sandbox, startSandbox } from '../src/index.js'
import { callApi, requestToken } from './client.js'

let sandbox: Sandbox
beforeAll(async () => {
  sandbox = await startSandbox()
})
afterAll(() => sandbox.stop())

test('an application token comes with an ID token and opens the API', async () => {
  const { wso2ApiManager: system } = sandbox
  const { status, json } = await requestToken(sandbox, system)
  expect(status).toBe(200)
  expect(json).toMatchObject({ token_type: 'Bearer', expires_in: 3600, scope: 'accounts  openid' })
  expect((await callApi(sandbox, system, json.access_token)).status).toBe(200)
})
