import { Agent, type ClientRequest, createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { inspect } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { concealAgent, concealRequest, hide } from '../src/kit.js'

/** Two requests with a secret on an agent of one connection: one is on its way, one waits. */
async function underWay(): Promise<{ agent: Agent; requests: readonly ClientRequest[] }> {
  const server = createServer(() => {}).listen(0, '127.0.0.1')
  const agent = new Agent({ maxSockets: 1, keepAlive: true })
  const arrived = new Promise(resolve => server.once('request', resolve))
  await new Promise(resolve => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  const headers = { authorization: 'Bearer secret-token' }
  const requests = [1, 2].map(() => request({ port, host: '127.0.0.1', agent, headers }).on('error', () => {}))
  for (const each of requests) each.end()
  onTestFinished(() => {
    agent.destroy()
    server.close()
    server.closeAllConnections()
  })
  await arrived
  return { agent, requests }
}

const shown = (value: unknown) => inspect(value, { depth: Number.POSITIVE_INFINITY, showHidden: false })

test('a request of Node’s shows nothing of its headers, and answers who asks it', async () => {
  const { requests } = await underWay()
  for (const each of requests) {
    expect(shown(each)).toContain('secret-token')
    concealRequest(each)
    expect(shown(each)).not.toContain('secret-token')
    expect(each.getHeader('authorization')).toBe('Bearer secret-token')
  }
})

test('a request on an agent that was concealed shows the agent, and nothing through it', async () => {
  const { agent, requests } = await underWay()
  concealAgent(agent)
  for (const each of requests) {
    concealRequest(each)
    expect(shown(each)).not.toContain('secret-token')
    expect(Object.keys(each)).toContain('agent')
  }
})

test('an answer in place of a request shows nothing of the request that brought it', async () => {
  const { requests } = await underWay()
  const answer = Object.assign(Readable.from([]), { req: requests[0], statusCode: 200 })
  expect(shown(answer)).toContain('secret-token')
  concealRequest(answer)
  expect(shown(answer)).not.toContain('secret-token')
  expect([answer.req, answer.statusCode]).toEqual([requests[0], 200])
})

test('what is neither stays as it is', () => {
  for (const nothing of [undefined, null, 'text', {}]) expect(() => concealRequest(nothing)).not.toThrow()
})

test('an agent shows nothing of the requests under way, and of those that wait', async () => {
  const { agent } = await underWay()
  expect(shown(agent)).toContain('secret-token')
  concealAgent(agent)
  expect(shown(agent)).not.toContain('secret-token')
  expect(Object.keys(agent.sockets)).toHaveLength(1)
})

test('hide takes members from whoever walks an object, and leaves them to who asks by name', () => {
  const hidden = Symbol('hidden')
  const object = { secret: 1, other: 2, [hidden]: 3 }
  hide(object, 'secret', hidden, 'absent')
  expect(shown(object)).toBe('{ other: 2 }')
  expect([object.secret, object[hidden], 'absent' in object]).toEqual([1, 3, false])
  for (const nothing of [undefined, null, 'text']) expect(() => hide(nothing, 'length')).not.toThrow()
})
