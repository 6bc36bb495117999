/** The app: six cards over the sandbox, a page that shows them, and routes behind its buttons. */
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { applicationToken, tokenErrors } from '@grantkit/express'
import type { Sandbox, System } from '@grantkit/sandbox'
import express, { type Express, Router } from 'express'
import { sources } from '../tour.js'
import { type Card, createCard } from './card.js'
import { createEventStream, type EventStream } from './event-stream.js'
import { loopbackNamesOnly, ownPagesOnly, secureHeaders } from './guard.js'
import { listen } from './listen.js'
import { createLog, type LogLine, type NewLine } from './log.js'
import { byTimer, createOutages, type Outages, outageMs, type Schedule } from './outages.js'
import { followRecords } from './server-record.js'

export interface App extends AsyncDisposable {
  readonly url: string
  /** Why it is not at the port that was asked for. */
  readonly elsewhere?: string | undefined
}

export interface AppOptions {
  /** Default: any that is free. */
  readonly port?: number
  /** How an outage comes to its end; default: by a timer. */
  readonly schedule?: Schedule
}

/** Tokens live two minutes here, so that one can watch them end. */
const lifetimeMs = 120_000

const pageFolder = fileURLToPath(new URL('../../public', import.meta.url))

/** Starts it on 127.0.0.1. Tokens issued so far end. */
export async function startApp(sandbox: Sandbox, { port = 0, schedule = byTimer }: AppOptions = {}): Promise<App> {
  shortenTokens(sandbox)
  const cards: Card[] = []
  const names = namesOf(sandbox)
  const outages = createOutages(schedule, (system, isOver) => {
    const text = isOver ? 'token endpoint works again' : `token endpoint answers 503 for ${outageMs / 1000} s`
    tell({ from: 'server', place: names.get(system) ?? '', text, tone: isOver ? 'good' : 'bad' })
    changed()
  })
  const states = () =>
    cards.map(card => ({
      ...card.state(),
      tokenServer: names.get(card.tokenServer),
      outageUntil: outages.endOf(card.tokenServer),
    }))
  const start = randomUUID()
  const stream = createEventStream(() => [
    { name: 'start', data: start },
    { name: 'cards', data: states() },
    { name: 'log', data: log.lines },
  ])
  const { changed, logged } = batched(stream, states)
  const log = createLog(logged)
  const follow = followRecords(names, log)
  const tell = (line: NewLine) => {
    follow()
    log.add(line)
  }
  for (const row of sources) cards.push(await createCard(row, { sandbox, tell, lifetimeMs, changed }))

  const server = createServer(routes(cards, outages, stream))
  const elsewhere = await listen(server, port)
  const close = async () => {
    outages.close()
    stream.close()
    server.close()
    server.closeAllConnections()
    await Promise.all(cards.map(card => card.close()))
  }
  let closed: Promise<void> | undefined
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    elsewhere,
    [Symbol.asyncDispose]: async () => {
      closed ??= close()
      await closed
    },
  }
}

function routes(cards: readonly Card[], outages: Outages, stream: EventStream): Express {
  const app = express()
  app.disable('x-powered-by')
  app.use(secureHeaders, loopbackNamesOnly, ownPagesOnly)
  app.use(express.static(pageFolder, { cacheControl: false, etag: false }))
  app.get('/events', stream.handler)
  for (const card of cards) app.use(`/cards/${card.row.row}`, cardRoutes(card, outages))
  app.use(tokenErrors())
  return app
}

function cardRoutes(card: Card, outages: Outages): Router {
  const router = Router()
  router.use(applicationToken(card.prepared.tokens))
  for (const client of card.clients)
    router.post(`/calls/${client}`, async (_request, response) => {
      response.json(await card.call(client))
    })
  router.post('/burst', async (_request, response) => {
    response.json(await card.burst())
  })
  router.post('/expire', async (_request, response) => {
    response.json({ ended: await card.expire() })
  })
  router.post('/fail', (_request, response) => {
    outages.begin(card.tokenServer)
    response.json({ forMs: outageMs })
  })
  return router
}

/** What is held from the tour would outlive everything that is shown here. */
function shortenTokens({ systems }: Sandbox): void {
  for (const system of systems) {
    Object.assign(system.settings, { accessTokenLifetimeSeconds: lifetimeMs / 1000 })
    system.revokeAllTokens()
  }
}

const systemNames: Record<System['name'], string> = {
  wso2ApiManager: 'WSO2 API Manager',
  wso2IdentityServer: 'WSO2 Identity Server',
  wso2Apk: 'WSO2 APK',
  coreBanking: 'Core banking',
  fiservCiam: 'Fiserv CIAM',
  openid: 'OpenID Provider',
}

function namesOf({ systems }: Sandbox): ReadonlyMap<System, string> {
  return new Map(systems.map(system => [system, systemNames[system.name]]))
}

/** Tells the pages once for all that changed in one turn of the event loop. */
function batched(stream: EventStream, states: () => unknown) {
  const lines = new Map<number, LogLine>()
  let isDue = false
  const flush = () => {
    isDue = false
    stream.send({ name: 'cards', data: states() })
    if (lines.size > 0) stream.send({ name: 'log', data: [...lines.values()] })
    lines.clear()
  }
  const changed = () => {
    if (!isDue) setImmediate(flush)
    isDue = true
  }
  const logged = (line: LogLine) => {
    lines.set(line.id, line)
    changed()
  }
  return { changed, logged }
}
