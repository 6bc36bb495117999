/** Answers that come as a signed JWT: who says them, to whom, and when (RFC 9701 §5, OpenID Connect Core §5.3.2, JARM §2.4). */
import { kindOf } from '../body.js'
import type { Client } from '../client.js'
import { msToSeconds } from '../clock.js'
import { ValidationError } from '../errors.js'
import { redact } from '../redaction/redact.js'

/** What is expected of the claims beside what they are about. */
interface ExpectedAnswer {
  /** As a message names it, such as `introspection response`. */
  readonly what: string
  /** Those that have to be there; the others are checked where they are. */
  readonly required: readonly ('iss' | 'aud' | 'iat' | 'exp')[]
}

type Claims = Readonly<Record<string, unknown>>

/** How far clocks may be apart, in seconds. */
const clockToleranceSeconds = 60

/**
 * Checks who has said something, and to whom, once the signature holds.
 *
 * @throws ValidationError whose `check` is the claim's name
 */
export function checkSignedAnswer(client: Client, claims: Claims, { what, required }: ExpectedAnswer): void {
  const { issuer } = client.provider.metadata
  const now = msToSeconds(client.clock.now())
  const { iss, aud, iat, nbf, exp } = claims
  const wrong = (claim: string, problem: string) => {
    throw new ValidationError(claim, `of the ${what} ${problem}`, { provider: client.provider.name })
  }
  const shown = (value: unknown) =>
    typeof value === 'string' ? `"${redact(value, 200, known(client))}"` : kindOf(value)
  for (const claim of required) if (claims[claim] === undefined) wrong(claim, 'is missing')
  if (iss !== undefined && iss !== issuer) wrong('iss', `is ${shown(iss)}; expected "${issuer}"`)
  if (aud !== undefined && ![aud].flat().includes(client.id))
    wrong('aud', `is ${[aud].flat().slice(0, 5).map(shown).join(', ')}; expected "${client.id}"`)
  if (iat !== undefined && !(typeof iat === 'number' && iat <= now + clockToleranceSeconds))
    wrong('iat', typeof iat === 'number' ? `is in the future: ${iat}, and it is ${now} now` : `is ${kindOf(iat)}`)
  if (nbf !== undefined && !(typeof nbf === 'number' && nbf <= now + clockToleranceSeconds))
    wrong('nbf', typeof nbf === 'number' ? `is in the future: ${nbf}, and it is ${now} now` : `is ${kindOf(nbf)}`)
  if (exp !== undefined && !(typeof exp === 'number' && Number.isFinite(exp) && exp > now - clockToleranceSeconds))
    wrong('exp', Number.isFinite(exp) ? `is over: ${exp}, and it is ${now} now` : `is ${kindOf(exp)}`)
}

function known({ id, provider }: Client) {
  return { secrets: [], open: [id, provider.metadata.issuer] }
}
