/**
 * One of several processes of an app, on the built packages: `instance.mjs <settings as JSON>`. It is started as its users
 * would start theirs: behind a reverse proxy, with helmet, compression and a session of express-session beside its own.
 * Its parent is told its port, and moves its clock by sending milliseconds.
 */
import { createHash } from 'node:crypto'
import { createClient, createTransport, sealedStore } from '@grantkit/core'
import { grantkit, requireLogin, tokenErrors } from '@grantkit/express'
import { oidc } from '@grantkit/provider-oidc'
import { redisStore } from '@grantkit/redis'
import compression from 'compression'
import express from 'express'
import session from 'express-session'
import helmet from 'helmet'
import { createClient as createRedisClient } from 'redis'

const { name, issuer, clientId, clientSecret, redirectUri, redisUrl, key } = JSON.parse(process.argv[2])
let aheadMs = 0
const clock = { now: () => Date.now() + aheadMs }

const redis = createRedisClient({ url: redisUrl, disableOfflineQueue: true })
redis.on('error', () => {}) // it connects again by itself
await redis.connect()
const keys = [{ id: 'of-this-test', key }]
const store = sealedStore(redisStore(redis, { timeoutMs: 1_000 }), { keys })

const client = createClient({
  provider: await oidc({ issuer }),
  clientId,
  clientSecret,
  clock,
  metadata: { id_token_signed_response_alg: 'ES256' },
  headers: { 'x-instance': name },
  transport: createTransport({ timeoutMs: 2_000 }),
})

const app = express()
app.set('trust proxy', 'loopback')
app.use(helmet())
app.use(compression({ threshold: 0 }))
app.use(session({ secret: 'of express-session', resave: false, saveUninitialized: true }))
app.use(grantkit({ client, redirectUri, keys, store, authorization: { scope: 'openid accounts' } }))

app.get('/', (request, response) => {
  const who = request.grantkit.user?.claims.sub ?? 'nobody'
  // without an icon of its own a browser asks for one some time later, which takes a turn of the balancer's
  const head = '<title>Home</title><link rel="icon" href="data:,">'
  response.send(`<!doctype html>${head}<p>${who} at ${name}</p><a href="/login">Log in</a>`)
})
app.get('/me', requireLogin(), async (request, response) => {
  const { accessToken } = await request.grantkit.user.tokenSource.getTokenSet()
  const token = createHash('sha256').update(accessToken).digest('hex')
  response.json({ sub: request.grantkit.user.claims.sub, at: name, token, isSecure: request.secure })
})
app.get('/lines', requireLogin(), async (request, response) => {
  response.type('text/plain')
  for (let line = 1; line <= 3; line++) {
    response.write(`line ${line} for ${request.grantkit.user.claims.sub}\n`)
    response.flush()
    await new Promise(setImmediate)
  }
  response.end()
})
app.use(tokenErrors())

const server = app.listen(0, '127.0.0.1', () => process.send(server.address().port))
process.on('message', ms => {
  aheadMs += ms
  process.send(aheadMs)
})
process.on('disconnect', () => process.exit())
