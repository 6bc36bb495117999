/** A local server that does what Template's is known to do, and refuses what that refuses; a client of it, on one clock. */
import { type ClientOptions, createClient } from '@grantkit/core'
import { type IssuedTokens, manualClock, type RequestReceived, startTokenServer } from '@grantkit/testing'
import { template } from '../src/index.js'

export const appKey = 'S^7j|)v,Zd'
const hourMs = 3_600_000

export async function startLocalServer() {
  const clock = manualClock()
  const server = await startTokenServer({ clock, answer, rejection: refusal('TOKEN_EXPIRED', 401) })
  const provider = template({ tokenEndpoint: server.tokenEndpoint })
  return {
    ...server,
    clock,
    /** A client with the good secret, changed as a test wants it. */
    client: (changes: Partial<ClientOptions> = {}) =>
      createClient({ provider, clientId: 'my-app', clientSecret: appKey, clock, ...changes }),
    /** The code of a user who has logged in. */
    logIn: () => server.tokens.issue(hourMs),
  }
}

/** What its token endpoint says. */
function answer({ parameters }: RequestReceived, tokens: IssuedTokens) {
  if (parameters.appId !== 'my-app' || parameters.appKey !== appKey) return refusal('BAD_KEY')
  const spent = parameters.renewBy ?? parameters.code
  if (spent === undefined) return { status: 200, body: { token: tokens.issue(hourMs), validForMinutes: 60 } }
  if (!tokens.isGood(spent)) return refusal('LOGGED_OUT')
  tokens.revoke(spent)
  const renewBy = tokens.issue(24 * hourMs)
  return { status: 200, body: { token: tokens.issue(hourMs), renewBy, validForMinutes: 60 } }
}

function refusal(code: string, status = 400) {
  return { status, body: { code, message: 'See https://docs.template.example/errors' } }
}
