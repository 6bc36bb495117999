/** How the user of a request comes to the login that an error asks for. */
import type { LoginRequiredError } from '@grantkit/core'
import { equipmentOf, type RequestGrantKit } from '../request.js'
import { mayGoElsewhere } from '../request-kind.js'
import { type Wanted, wasJustAskedFor } from './step-up.js'

/** A way to the login. */
export interface LoginWay {
  /**
   * Whether it can be taken without a person's word. Not where the session has just come of a login that asked for the
   * same: that would go round in circles.
   */
  readonly isOpen: boolean
  /** Whether the browser is to be sent there by the answer to this request: that would lose what a form has posted. */
  readonly isTaken: boolean
  /** Sends the browser there. */
  login(): Promise<void>
  /** Where it begins; `undefined` where the app has no route for it. */
  loginUrl(): Promise<string | undefined>
}

/** `undefined` where no login of this request's user would help: there is no `grantkit()`, or it is about somebody else. */
export function loginWayOf(error: LoginRequiredError, request: object): LoginWay | undefined {
  const equipment = equipmentOf(request)
  if (equipment === undefined || isAboutAnother(error, equipment.grantkit)) return undefined
  const { grantkit, lastLogin, hasLoginRoute, now } = equipment
  const wanted = wantedBy(error)
  // the session has ended while its request was running: the next one is another
  const isOpen = error.reason === 'forgotten' || !wasJustAskedFor(wanted, lastLogin, now())
  return {
    isOpen,
    isTaken: isOpen && mayGoElsewhere(request),
    login: () => grantkit.login(wanted),
    loginUrl: async () => (hasLoginRoute ? grantkit.loginUrl(wanted) : undefined),
  }
}

/** Such as the user in whose name a service does all its work. */
function isAboutAnother({ subject }: LoginRequiredError, { user }: RequestGrantKit): boolean {
  return subject !== undefined && user !== undefined && subject !== user.tokenSource.subject
}

function wantedBy({ missingScope: scope, acrValues, maxAgeSeconds }: LoginRequiredError): Wanted {
  return { scope, acrValues, maxAgeSeconds }
}
