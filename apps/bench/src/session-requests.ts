/** Figure 11: a request with a session whose token is valid, in Express 5, and what sessions take. Each app has a process of its own. */
import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Agent, request } from 'undici'
import { atOnce } from './clients/client.js'
import { type Figure, plainFigure, ratioFigure } from './figure.js'
import { logIn } from './login-by-hand.js'
import { type Repeat, useInTurns } from './measure.js'

const bare = 'Express 5 that opens a sealed cookie'
const rival = 'express-openid-connect'

/** What a process runs. */
export type Way = typeof bare | 'GrantKit' | typeof rival | 'GrantKit, its writes counted' | 'tokens alone'

/** What it is started with. */
export interface Setting {
  readonly way: Way
  readonly issuer: string
  /** 32 bytes in base64, for cookies. */
  readonly key: string
  /** Of the cookie that the bare app opens, which GrantKit has sealed. */
  readonly cookieName: string
}

/** What a process is told: to say how much processor time it has used, how many bytes, or how often it wrote to its store. */
export type Command = 'used' | 'weigh' | 'writes'
export type Answer = number

/** @param origin of the server for logins */
export async function sessionRequests(origin: string): Promise<Figure[]> {
  const setting = { issuer: `${origin}/ES256`, key: randomBytes(32).toString('base64'), cookieName: '' }
  return [...(await rates(setting)), await writes(setting), await idleSessions(setting)]
}

type Common = Omit<Setting, 'way'>

/** How many each app has answered before it is measured. */
const requestsBefore = 5_000

async function rates(setting: Common): Promise<Figure[]> {
  const [ours, theirs] = [await start({ ...setting, way: 'GrantKit' }), await start({ ...setting, way: rival })]
  const cookie = await logIn(ours.origin, setting.issuer)
  const native = await start({ ...setting, way: bare, cookieName: cookie.split('=')[0] ?? '' })
  const apps = { [bare]: native, GrantKit: ours, [rival]: theirs }
  const contestants = {
    [bare]: asking(native, cookie),
    GrantKit: asking(ours, cookie),
    [rival]: asking(theirs, await logIn(theirs.origin, setting.issuer)),
  } satisfies Record<keyof typeof apps, Repeat>
  // a second's warm-up is a few hundred requests on a busy machine: a server's code is compiled after some thousands
  for (const ask of Object.values(contestants)) await ask(requestsBefore)
  const turns = { forMs: 5_000, times: 80 }
  const { elapsed, used } = await useInTurns(contestants, turns, name => apps[name].tell('used'))
  for (const app of Object.values(apps)) app.close()
  const goals = [{ atMost: 1 / 0.9 }, { atMost: 0.5, of: rival }]
  const name = '11 a request with a session, 16 at once'
  return [
    ratioFigure({ name: `${name}: time for each`, goals }, elapsed),
    ratioFigure({ name: `${name}: processor time for each`, goals: [] }, used),
  ]
}

async function writes(setting: Common): Promise<Figure> {
  const app = await start({ ...setting, way: 'GrantKit, its writes counted' })
  const ask = asking(app, await logIn(app.origin, setting.issuer))
  const before = await app.tell('writes')
  await ask(1_000)
  const written = (await app.tell('writes')) - before
  app.close()
  const heading = { name: '11 1,000 requests that change nothing: writes to the store', goals: [{ atMost: 0 }] }
  return plainFigure(heading, { GrantKit: [written] }, 'count')
}

const mostBytes = 3 * 1024
const warmUp = 300
const sessions = 1_000

/** What sessions take, less what their tokens take in a process that has nothing else. */
async function idleSessions(setting: Common): Promise<Figure> {
  const alone = await weigh({ ...setting, way: 'tokens alone' }, ({ origin }) => request(`${origin}/login`))
  const whole = await weigh({ ...setting, way: 'GrantKit' }, ({ origin }) => logIn(origin, setting.issuer))
  const heading = { name: '11 1,000 idle sessions: bytes of each, beside its tokens', goals: [{ atMost: mostBytes }] }
  return plainFigure(heading, { GrantKit: [whole - alone] }, 'bytes')
}

async function weigh(setting: Setting, login: (app: App) => Promise<unknown>): Promise<number> {
  const app = await start(setting)
  await atOnce(8, () => login(app))(warmUp)
  const before = await app.tell('weigh')
  await atOnce(8, () => login(app))(sessions)
  const after = await app.tell('weigh')
  app.close()
  return (after - before) / sessions
}

interface App {
  readonly origin: string
  tell(command: Command): Promise<Answer>
  close(): void
}

async function start(setting: Setting): Promise<App> {
  const file = fileURLToPath(import.meta.resolve('./session-process.js'))
  const env = { ...process.env, NODE_ENV: 'production' }
  const child = fork(file, [JSON.stringify(setting)], { execArgv: ['--expose-gc'], env })
  const origin = String(await told(child))
  return {
    origin,
    tell(command) {
      child.send(command)
      return told(child).then(Number)
    },
    close: () => child.disconnect(),
  }
}

/** @throws Error when the process ends instead of answering */
async function told(child: ChildProcess): Promise<unknown> {
  const hasAnswered = new AbortController()
  const { signal } = hasAnswered
  const ended = once(child, 'exit', { signal }).then(([code]) => {
    throw new Error(`a process of figure 11 ended with code ${code}`)
  })
  const [answer] = await Promise.race([once(child, 'message', { signal }), ended])
  hasAnswered.abort()
  return answer
}

/** 16 at once, on connections kept alive. @throws Error when one of them is not answered as it should be */
function asking({ origin }: App, cookie: string): Repeat {
  const dispatcher = new Agent()
  return atOnce(16, async () => {
    const { statusCode, body } = await request(`${origin}/me`, { dispatcher, headers: { cookie, accept: '*/*' } })
    if (statusCode !== 200) throw new Error(`${statusCode} ${await body.text()}`)
    await body.dump()
  })
}
