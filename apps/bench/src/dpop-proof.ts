/** Figure 8: proving possession of a key for one API request (RFC 9449 §4.2). */
import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { dpopKey } from '@grantkit/core'
import { Configuration, getDPoPHandle, randomDPoPKeyPair } from 'openid-client'
import { type Figure, ratioFigure } from './figure.js'
import { type Repeat, timeInTurns } from './measure.js'

/** What no proof can be had without. */
const reference = 'a bare ES256 signature with a kept key'

const url = 'https://api.example.com/accounts/1?page=2'
/** As long as JWT access tokens are. */
const accessToken = 'a'.repeat(900)
/** Of a token that is held, core makes it once. */
const ath = createHash('sha256').update(accessToken).digest('base64url')

export async function dpopProof(): Promise<Figure> {
  const times = await timeInTurns(await makeContestants(), { forMs: 4_000, times: 100 })
  return ratioFigure({ name: '8  a DPoP proof for a held token, with a nonce', goals: [{ atMost: 1.15 }] }, times)
}

async function makeContestants() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const signing = { key: privateKey, dsaEncoding: 'ieee-p1363' as const }
  const ours = dpopKey({ key: privateKey })
  const nonce = 'eyJ7S_zG.eyJH0-Z.HX4w-7v'
  const input = Buffer.from(
    ours.signProof({ method: 'GET', url, now: Date.now(), accessToken, nonce }).replace(/\.[^.]*$/, ''),
  )
  const theirs = await openidClient()
  return {
    async [reference](times: number) {
      for (let i = 0; i < times; i++) sign('sha256', input, signing)
    },
    async GrantKit(times: number) {
      for (let i = 0; i < times; i++) ours.signProof({ method: 'GET', url, now: Date.now(), ath, nonce })
    },
    async 'openid-client (oauth4webapi)'(times: number) {
      for (let i = 0; i < times; i++) await theirs()
    },
  } satisfies Record<string, Repeat>
}

/** Its handle puts a proof on headers; its types do not show that. */
async function openidClient(): Promise<() => Promise<void>> {
  const server = { issuer: 'https://as.example.com' }
  const keyPair = await randomDPoPKeyPair('ES256')
  const handle = getDPoPHandle(new Configuration(server, 'app'), keyPair) as unknown as {
    addProof(url: URL, headers: Headers, method: string, accessToken: string): Promise<void>
  }
  return () => handle.addProof(new URL(url), new Headers(), 'GET', accessToken)
}
