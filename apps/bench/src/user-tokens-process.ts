/** What each process of figure 5 runs: holds the tokens of many users in one way, and does what it is told with them. */
import { randomBytes } from 'node:crypto'
import { createClient, createUserTokenSources, defineProvider } from '@grantkit/core'
import { OAuth2Client } from 'google-auth-library'
import { collectGarbage } from './measure.js'
import type { Answer, Command, Way } from './user-tokens.js'

interface Tokens {
  readonly accessToken: string
  readonly refreshToken: string
  readonly expiresAt: number
}

interface Holder {
  hold(subject: string, tokens: Tokens): unknown
  /** The user's access token, if it serves. */
  read(subject: string): unknown
}

const ways: Record<Way, () => Holder> = {
  'Map of records'() {
    const records = new Map<string, Tokens>()
    return {
      hold: (subject, tokens) => records.set(subject, tokens),
      read(subject) {
        const record = records.get(subject)
        return record !== undefined && Date.now() < record.expiresAt ? record.accessToken : undefined
      },
    }
  },
  'google-auth-library, a client for each'() {
    const clients = new Map<string, OAuth2Client>()
    return {
      hold(subject, { accessToken, refreshToken, expiresAt }) {
        const client = new OAuth2Client({ clientId: 'bench', clientSecret: 'secret' })
        client.setCredentials({ access_token: accessToken, refresh_token: refreshToken, expiry_date: expiresAt })
        clients.set(subject, client)
      },
      read: async subject => (await clients.get(subject)?.getAccessToken())?.token,
    }
  },
  GrantKit() {
    const metadata = { issuer: 'https://as.example', token_endpoint: 'https://as.example/token' }
    const provider = defineProvider({ name: 'bench', metadata })
    const users = createUserTokenSources({
      client: createClient({ provider, clientId: 'bench', clientSecret: 'secret' }),
    })
    return {
      hold: (subject, tokens) => users.for(subject).import(tokens),
      read: async subject => (await users.for(subject).getTokenSet()).accessToken,
    }
  },
}

const holder = ways[process.argv[2] as Way]()
let held = 0
let readLast = 0

/** A text of its own for each, which shares nothing with another's. */
const text = (length: number) => randomBytes(length / 2).toString('hex')

/**
 * Holds the tokens of a thousand users more, without what it takes to make the texts: processor time, the collector's
 * included, since no turn is short enough to be undisturbed and have its share of that.
 */
async function fill(): Promise<number> {
  const expiresAt = Date.now() + 3_600_000
  const tokens = Array.from({ length: 1_000 }, () => ({ accessToken: text(800), refreshToken: text(200), expiresAt }))
  const before = process.cpuUsage()
  for (const each of tokens) await holder.hold(`user-${held++}`, each)
  const { user, system } = process.cpuUsage(before)
  return user + system
}

/** Nanoseconds for reading one user's token, of so many who come in no order; everybody comes before anybody comes again. */
async function read(count: number): Promise<number> {
  const startedAt = process.hrtime.bigint()
  for (let i = 0; i < count; i++) {
    readLast = (readLast + 7_919) % held
    if ((await holder.read(`user-${readLast}`)) === undefined) throw new Error('a user has no token')
  }
  return Number(process.hrtime.bigint() - startedAt) / count
}

/** Of a thousand, timed by the hundred: of short times, some are undisturbed by other programs. */
async function readThousand(): Promise<number[]> {
  const times: number[] = []
  while (times.length < 10) times.push(await read(100))
  return times
}

function bytesInUse(): number {
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const commands: Record<Command, () => Promise<Answer>> = {
  fill: async () => [await fill()],
  read: readThousand,
  weigh: async () => [bytesInUse()],
}

process.on('message', async (command: Command) => process.send?.(await commands[command]()))
process.on('disconnect', () => process.exit())
