/** What each process of figure 11 runs: an Express app and who is logged in there, in one way. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  createAuthorizationRequest,
  createClient,
  createUserTokenSources,
  defineProvider,
  memoryStore,
  readAuthorizationResponse,
  type TokenStore,
} from '@grantkit/core'
import { grantkit, requireLogin } from '@grantkit/express'
import { parse } from 'cookie'
import express, { type Express } from 'express'
import openidConnect from 'express-openid-connect'
import { compactDecrypt } from 'jose'
import { collectGarbage, usedByThisProcess } from './measure.js'
import type { Answer, Command, Setting, Way } from './session-requests.js'

const { way, issuer, key, cookieName }: Setting = JSON.parse(process.argv[2] ?? '')
const client = createClient({
  provider: defineProvider({
    name: 'bench',
    metadata: {
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      jwks_uri: `${issuer}/jwks`,
    },
  }),
  clientId: 'bench',
  clientSecret: 'secret',
  metadata: { id_token_signed_response_alg: 'ES256' },
})
const scope = 'openid accounts'
let writes = 0

const ways: Record<Way, (app: Express, origin: string) => void> = {
  /** As the session's cookie is: one key, read by its name. */
  'Express 5 that opens a sealed cookie'(app) {
    const secret = Buffer.from(key, 'base64')
    const algorithms = { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] }
    app.get('/me', async (request, response) => {
      const { plaintext } = await compactDecrypt(
        parse(request.headers.cookie ?? '')[cookieName] ?? '',
        secret,
        algorithms,
      )
      const { claims } = JSON.parse(new TextDecoder().decode(plaintext))
      response.json({ sub: claims.sub })
    })
  },
  GrantKit: (app, origin) => withGrantKit(app, origin, memoryStore()),
  'GrantKit, its writes counted': (app, origin) => withGrantKit(app, origin, counting(memoryStore())),
  'express-openid-connect'(app, origin) {
    app.use(
      openidConnect.auth({
        issuerBaseURL: issuer,
        baseURL: origin,
        clientID: 'bench',
        clientSecret: 'secret',
        secret: key,
        authRequired: false,
        idTokenSigningAlg: 'ES256',
        authorizationParams: { response_type: 'code', scope },
      }),
    )
    app.get('/me', openidConnect.requiresAuth(), (request, response) => {
      if (request.oidc.accessToken?.isExpired() !== false) throw new Error('there is no token')
      response.json({ sub: request.oidc.user?.sub })
    })
  },
  /** No app: what the tokens of as many users take by themselves. */
  'tokens alone'(app, origin) {
    const users = createUserTokenSources({ client, store: memoryStore() })
    const redirectUri = `${origin}/callback`
    let count = 0
    app.get('/login', async (_request, response) => {
      const { transaction } = await createAuthorizationRequest(client, { redirectUri, scope })
      const { nonce = '', state } = transaction
      const answer = new URLSearchParams({ code: nonce, state, iss: issuer })
      const grant = await readAuthorizationResponse(client, transaction, `${redirectUri}?${answer}`)
      await users.for(`session-${count++}`).redeem(grant)
      response.redirect('/')
    })
  },
}

function withGrantKit(app: Express, origin: string, store: TokenStore): void {
  const redirectUri = `${origin}/callback`
  const keys = [{ id: 'bench', key }]
  app.use(grantkit({ client, redirectUri, keys, store, authorization: { scope } }))
  app.get('/me', requireLogin(), async (request, response) => {
    const { user } = request.grantkit
    await user?.tokenSource.getTokenSet()
    response.json({ sub: user?.claims.sub })
  })
}

/** Counts what is written, leases too. */
function counting(store: TokenStore): TokenStore {
  const counted =
    <Args extends unknown[], Result>(operation: (...args: Args) => Result) =>
    (...args: Args): Result => {
      writes++
      return operation(...args)
    }
  return {
    ...store,
    compareAndSet: counted(store.compareAndSet.bind(store)),
    delete: counted(store.delete.bind(store)),
    lease: counted(store.lease.bind(store)),
    release: counted(store.release.bind(store)),
  }
}

/** Some of it is let go of only after a collection: connections, and what is told of the end of something else. */
async function bytesInUse(): Promise<number> {
  for (let rounds = 0; rounds < 4; rounds++) {
    collectGarbage()
    await new Promise(setImmediate)
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const commands: Record<Command, () => Answer | Promise<Answer>> = {
  used: usedByThisProcess,
  weigh: bytesInUse,
  writes: () => writes,
}

const server = createServer({ keepAliveTimeout: 60_000 })
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
const app = express()
ways[way](app, origin)
server.on('request', app)
process.on('message', async (command: Command) => process.send?.(await commands[command]()))
process.on('disconnect', () => process.exit())
process.send?.(origin)
