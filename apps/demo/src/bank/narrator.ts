/** What there is to tell of the bank's logins: what GrantKit does, and what the bank's servers received. */
import type { GrantKitEvent } from '@grantkit/core'
import type { ReceivedRequest, System } from '@grantkit/sandbox'
import { toldOf, whyOf } from '../app/event-line.js'
import type { NewLine } from '../app/log.js'
import { stepsOf } from './received-step.js'
import type { NewStep } from './steps.js'

/** What the log calls it. */
export const bankPlace = 'Bank login'

export interface Narrator {
  /** A line of the log for an event, if it says something. */
  lineOf(event: GrantKitEvent): NewLine | undefined
  /** Until now, requests to the bank were those of cards that were made ready. */
  begin(): void
  /** A request that a server received, as steps; a renewal with the reason that was told of it. */
  stepsOf(request: ReceivedRequest, system: System): readonly NewStep[]
}

export function createNarrator(): Narrator {
  let hasBegun = false
  let why = ''
  let expiresAt: number | undefined
  return {
    lineOf(event) {
      const told = toldOf(event, expiresAt)
      if (event.type === 'token_requested' && event.grantType === 'refresh_token') why = whyOf(event, expiresAt)
      if (event.type === 'token_received' && event.grantType !== 'client_credentials') expiresAt = event.expiresAt
      return told && { from: 'grantkit', place: bankPlace, ...told }
    },
    begin() {
      hasBegun = true
    },
    stepsOf: (request, { name }) => (hasBegun && isBank(name) ? stepsOf(request, why) : []),
  }
}

/** Where the bank's app gets its tokens, and whose API it calls; the cards have theirs from the latter's token endpoint. */
function isBank(name: System['name']): boolean {
  return name === 'wso2IdentityServer' || name === 'wso2ApiManager'
}
