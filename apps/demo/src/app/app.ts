/** The app: six cards over the sandbox and a login at its bank, pages that show them, and routes behind their buttons. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { applicationToken, tokenErrors } from '@grantkit/express'
import type { Sandbox, System } from '@grantkit/sandbox'
import express, { type Express, Router } from 'express'
import { type Bank, type BankOptions, createBank } from '../bank/bank.js'
import { tellBrowserSteps } from '../bank/browser-steps.js'
import { bankPlace, createNarrator, type Narrator } from '../bank/narrator.js'
import { problemPage } from '../bank/problem-page.js'
import { sources } from '../tour.js'
import { type Card, createCard } from './card.js'
import { loopbackNamesOnly, oneNameOnly, ownPagesOnly, secureHeaders } from './guard.js'
import { listen } from './listen.js'
import { byTimer, createOutages, type Outages, outageMs, type Schedule } from './outages.js'
import { createPages, type Pages } from './pages.js'

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
    pages.tell({ from: 'server', place: names.get(system) ?? '', text, tone: isOver ? 'good' : 'bad' })
    pages.changed()
  })
  const states = () =>
    cards.map(card => ({
      ...card.state(),
      tokenServer: names.get(card.tokenServer),
      outageUntil: outages.endOf(card.tokenServer),
    }))
  const narrator = createNarrator()
  const pages = createPages({ systems: names, states, stepsOf: narrator.stepsOf })
  const { tell, changed } = pages
  for (const row of sources) cards.push(await createCard(row, { sandbox, tell, lifetimeMs, changed }))
  narrator.begin()

  const server = createServer()
  const elsewhere = await listen(server, port)
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const bank = createBank(sandbox, { origin, lifetimeMs, ...bankTelling(narrator, tell) })
  server.on('request', routes({ origin, cards, outages, pages, bank }))
  const close = async () => {
    outages.close()
    pages.close()
    server.close()
    server.closeAllConnections()
    await Promise.all([...cards, bank].map(one => one.close()))
  }
  let closed: Promise<void> | undefined
  return {
    url: `${origin}/`,
    elsewhere,
    [Symbol.asyncDispose]: async () => {
      closed ??= close()
      await closed
    },
  }
}

function bankTelling({ lineOf }: Narrator, tell: Pages['tell']): Pick<BankOptions, 'onEvent' | 'tell'> {
  return {
    onEvent(event) {
      const line = lineOf(event)
      if (line !== undefined) tell(line)
    },
    tell: text => tell({ from: 'server', place: bankPlace, text, tone: 'warn' }),
  }
}

interface Parts {
  readonly origin: string
  readonly cards: readonly Card[]
  readonly outages: Outages
  readonly pages: Pages
  readonly bank: Bank
}

function routes({ origin, cards, outages, pages, bank }: Parts): Express {
  const app = express()
  app.disable('x-powered-by')
  app.use(secureHeaders, loopbackNamesOnly)
  app.use('/bank', oneNameOnly(origin))
  app.use(tellBrowserSteps(pages.draw), bank.login)
  app.use(ownPagesOnly)
  app.use(express.static(pageFolder, { cacheControl: false, etag: false, extensions: ['html'], redirect: false }))
  app.get('/events', pages.handler)
  app.use('/bank', bank.routes)
  for (const card of cards) app.use(`/cards/${card.row.row}`, cardRoutes(card, outages))
  app.use(tokenErrors({ page: problemPage }))
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
