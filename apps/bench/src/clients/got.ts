/** got and its hooks, over the network or with Node's function for requests replaced by one that answers at once. */
import { Agent } from 'node:http'
import https from 'node:https'
import { Readable } from 'node:stream'
import { tokenHooks } from '@grantkit/got'
import got, { type BeforeRequestHook, type Got } from 'got'
import { type Client, nowhere, type Send } from './client.js'

export const gotAtOnce = clientOf(nowhere, () => {
  // got's own option for it would be a function of the caller's, which few have, and which is given copies
  https.request = answer as never
  return got.extend()
})

export function gotTo(origin: string): Client {
  return clientOf(origin, () => got.extend({ agent: { http: new Agent({ keepAlive: true }) } }))
}

function clientOf(origin: string, make: () => Got): Client {
  const sending =
    (instance: Got): Send =>
    () =>
      instance(`${origin}/accounts/1`)
  const before = (hook: BeforeRequestHook) => sending(make().extend({ hooks: { beforeRequest: [hook] } }))
  return {
    bare: () => sending(make()),
    synchronous: authorization =>
      before(({ headers }) => {
        headers.authorization = authorization()
      }),
    asynchronous: authorization =>
      before(async ({ headers }) => {
        headers.authorization = await authorization()
      }),
    grantKit: source => sending(make().extend(tokenHooks(source, { origins: [origin] }))),
  }
}

/** got takes an answer in place of a request. */
function answer(): object {
  const body = new Readable({ read() {} })
  body.push(null)
  return Object.assign(body, { statusCode: 200, headers: {}, complete: true })
}
