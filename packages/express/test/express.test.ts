import {
  clientCredentials,
  createClient,
  createTokenSource,
  defineProvider,
  GrantKitError,
  LoginRequiredError,
  type TokenSource,
} from '@grantkit/core'
import type express5 from 'express'
import { describe, expect, test } from 'vitest'
import { applicationToken, tokenErrors } from '../src/index.js'
import { versions } from './app.js'
import { askWith } from './asking.js'

/** An authorization server in a function. */
function sourceAnswering(status: number, body: unknown, headers: Record<string, string> = {}) {
  const asked: string[] = []
  const provider = defineProvider({
    name: 'as',
    metadata: { issuer: 'https://as.example', token_endpoint: 'https://as.example/token' },
  })
  const client = createClient({
    provider,
    clientId: 'app',
    clientSecret: 'not-to-be-shown',
    transport: async ({ url }) => {
      asked.push(url)
      return { status, headers: new Headers(headers), body: Buffer.from(JSON.stringify(body)) }
    },
  })
  return { tokens: createTokenSource({ client, grant: clientCredentials() }), asked }
}

const token = { access_token: 'token-1', token_type: 'Bearer', expires_in: 60 }

async function get(app: express5.Express, path = '/') {
  const { status, headers, body } = await askWith(app, { path })
  return { status, retryAfter: headers['retry-after'] ?? null, body }
}

describe.each(versions)('%s', (_, express) => {
  test('gives handlers the application’s token source', async () => {
    const { tokens } = sourceAnswering(200, token)
    const app = express()
    app.use(applicationToken(tokens))
    app.get('/', (request, response, next) => {
      request.tokenSource
        .getTokenSet()
        .then(({ tokenType, scope }) => response.json({ tokenType, scope: scope ?? null }), next)
    })

    expect(await get(app)).toMatchObject({ status: 200, body: '{"tokenType":"Bearer","scope":null}' })
  })

  test('asks for no token where no handler does', async () => {
    const { tokens, asked } = sourceAnswering(200, token)
    const app = express()
    app.use(applicationToken(tokens))
    app.get('/', (_request, response) => {
      response.end('fine')
    })

    expect(await get(app)).toMatchObject({ status: 200, body: 'fine' })
    expect(asked).toEqual([])
  })

  test('lets a router have another source', async () => {
    const outer = sourceAnswering(200, token).tokens
    const inner = sourceAnswering(200, { ...token, access_token: 'token-2' }).tokens
    const seen: TokenSource[] = []
    const router = express.Router()
    router.use(applicationToken(inner))
    router.get('/', (request, response) => {
      seen.push(request.tokenSource)
      response.end()
    })
    const app = express()
    app.use(applicationToken(outer))
    app.use('/bank', router)
    app.get('/', (request, response) => {
      seen.push(request.tokenSource)
      response.end()
    })

    await get(app, '/bank')
    await get(app, '/')

    expect(seen).toEqual([inner, outer])
    expect(seen[0]).toBe(inner)
    expect(seen[1]).toBe(outer)
  })

  test.each([
    ['refused credentials', 502, 401, { error: 'invalid_client', error_description: 'not-to-be-shown' }, null],
    ['a server that asks for time', 503, 429, {}, '7'],
  ])('answers %s with %i, and says no more than a code', async (_name, expected, status, body, retryAfter) => {
    const { tokens } = sourceAnswering(status, body, retryAfter === null ? {} : { 'retry-after': retryAfter })
    const app = express()
    app.use(applicationToken(tokens))
    app.get('/', (request, _response, next) => {
      request.tokenSource.getTokenSet().then(() => next(), next)
    })
    app.use(tokenErrors())

    const answer = await get(app)

    expect(answer).toEqual({ status: expected, retryAfter, body: '{"error":"ERR_SERVER_REFUSED"}' })
  })

  test('asks a user who has to log in for it with 401, also through an HTTP client’s own error', async () => {
    const app = express()
    app.get('/', (_request, _response, next) => {
      next(new Error('Request failed', { cause: new LoginRequiredError('dead', { subject: 'alice' }) }))
    })
    app.use(tokenErrors())

    expect(await get(app)).toMatchObject({ status: 401, body: '{"error":"ERR_LOGIN_REQUIRED"}' })
  })

  test('hands on what is not ours', async () => {
    const app = express()
    app.get('/', (_request, _response, next) => next(Object.assign(new Error('theirs'), { status: 418 })))
    app.use(tokenErrors())
    app.use(((error, _request, response, _next) => {
      response.status(500).end(error.message)
    }) as express5.ErrorRequestHandler)

    expect(await get(app)).toMatchObject({ status: 500, body: 'theirs' })
  })

  test('hands on an error after the answer has begun', async () => {
    const handedOn: unknown[] = []
    const app = express()
    app.get('/', (_request, response, next) => {
      response.write('begun')
      next(new GrantKitError('ERR_TRANSPORT', 'too late'))
    })
    app.use(tokenErrors())
    app.use(((error, _request, response, _next) => {
      handedOn.push(error.code)
      response.end()
    }) as express5.ErrorRequestHandler)

    expect(await get(app)).toMatchObject({ status: 200, body: 'begun' })
    expect(handedOn).toEqual(['ERR_TRANSPORT'])
  })
})

test('refuses what is no token source', () => {
  for (const [wrong, message] of [
    [Promise.resolve(), 'source: is a promise; did you forget await?'],
    [() => {}, 'source: must be one token source'],
    [{ for() {} }, 'for many users'],
  ] as const)
    expect(() => applicationToken(wrong as never)).toThrow(message)
  expect(() => applicationToken({} as never)).toThrow(expect.objectContaining({ name: 'TypeError', option: 'source' }))
})
