/** got and its hooks; the function it requests by answers at once. */
import { Readable } from 'node:stream'
import { tokenHooks } from '@grantkit/got'
import got, { type BeforeRequestHook, type Got } from 'got'
import type { Repeat } from '../measure.js'
import type { Client } from './added.js'

const origin = 'https://api.example'

export const gotClient: Client = {
  bare: () => requests(make()),
  synchronous: authorization =>
    before(({ headers }) => {
      headers.authorization = authorization()
    }),
  asynchronous: authorization =>
    before(async ({ headers }) => {
      headers.authorization = await authorization()
    }),
  grantKit: source => requests(make().extend(tokenHooks(source, { origins: [origin] }))),
}

function make(): Got {
  return got.extend({ request: () => answer() as never })
}

/** got takes an answer in place of a request. */
function answer(): object {
  const body = new Readable({ read() {} })
  body.push(null)
  return Object.assign(body, { statusCode: 200, headers: {}, complete: true })
}

function before(hook: BeforeRequestHook): Repeat {
  return requests(make().extend({ hooks: { beforeRequest: [hook] } }))
}

function requests(instance: Got): Repeat {
  return async times => {
    for (let i = 0; i < times; i++) await instance(`${origin}/accounts/1`)
  }
}
