/** What web frameworks answer to their own caller when a handler throws an error of ours, without `tokenErrors()`. */
import type { RequestListener } from 'node:http'
import {
  AuthorizationServerError,
  clientCredentials,
  createClient,
  createTokenSource,
  createUserTokenSources,
  defineProvider,
  LoginRequiredError,
  TokenResponseError,
  type TransportResponse,
} from '@grantkit/core'
import express5 from 'express'
import express4 from 'express-4'
import fastify from 'fastify'
import Koa from 'koa'
import { describe, expect, test } from 'vitest'
import { askWith } from './asking.js'

const secret = 'not-to-be-shown'

/** Each makes a listener of one handler, as its users write it. */
const frameworks: readonly [name: string, listenerOf: (handler: () => Promise<unknown>) => Promise<RequestListener>][] =
  [
    ['Express 4', async handler => express4().get('/', (_request, _response, next) => void handler().then(next, next))],
    ['Express 5', async handler => express5().get('/', () => handler())],
    ['Fastify', fastifyListener],
    ['Koa', async handler => koa(handler).callback()],
  ]

async function fastifyListener(handler: () => Promise<unknown>): Promise<RequestListener> {
  const app = fastify()
  app.get('/', () => handler())
  await app.ready()
  return app.routing
}

function koa(handler: () => Promise<unknown>): Koa {
  const app = new Koa()
  app.silent = true
  return app.use(() => handler() as Promise<void>)
}

const failures: readonly [name: string, handler: () => Promise<unknown>, expected: unknown][] = [
  [
    'refused credentials',
    applicationToken(json(401, { error: 'invalid_client', error_description: `no client has the secret ${secret}` })),
    AuthorizationServerError,
  ],
  ['a refused scope', applicationToken(json(400, { error: 'invalid_scope' })), AuthorizationServerError],
  ['a server that asks for time', applicationToken(json(429, {}, { 'retry-after': '7' })), AuthorizationServerError],
  ['an answer that is no token response', applicationToken(json(200, secret)), TokenResponseError],
  ['a user who has to log in', userToken, LoginRequiredError],
]

describe.each(frameworks)('%s answers 500 and shows nothing secret', (_, listenerOf) => {
  test.each(failures)('to %s', async (_, handler, expected) => {
    const thrown: unknown[] = []
    const listener = await listenerOf(() => handler().catch(error => Promise.reject(thrown.push(error) && error)))

    const answer = await askWith(listener, {})

    expect(thrown).toEqual([expect.any(expected)])
    expect(answer.status).toBe(500)
    expect(answer.body).not.toContain(secret)
    expect(Object.keys(answer.headers)).not.toContain('www-authenticate')
  })
})

async function json(status: number, body: unknown, headers: Record<string, string> = {}): Promise<TransportResponse> {
  return { status, headers: new Headers(headers), body: Buffer.from(JSON.stringify(body)) }
}

function clientOf(answer: Promise<TransportResponse>) {
  const metadata = { issuer: 'https://as.example', token_endpoint: 'https://as.example/token' }
  const provider = defineProvider({ name: 'as', metadata })
  return createClient({ provider, clientId: 'app', clientSecret: secret, transport: () => answer })
}

function applicationToken(answer: Promise<TransportResponse>) {
  return () => createTokenSource({ client: clientOf(answer), grant: clientCredentials() }).getTokenSet()
}

async function userToken() {
  const sources = createUserTokenSources({ client: clientOf(json(200, {})) })
  return sources.for('alice').getTokenSet()
}
