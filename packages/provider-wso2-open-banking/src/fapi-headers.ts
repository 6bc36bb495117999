/** Headers that calls to a bank's API carry beside the token (FAPI 1.0 Baseline §6.2.2). */
import { randomUUID } from 'node:crypto'
import { checkNumber, checkOptions, checkText, optionError } from '@grantkit/core/kit'

/** What a call tells the bank about itself and its customer. All optional. */
export interface FapiHeaderOptions {
  /** `x-fapi-interaction-id`, by which both sides find the call in their logs. Default: a new UUID. */
  readonly interactionId?: string | undefined
  /** `x-fapi-auth-date`: when the customer last logged in with you, in epoch milliseconds. Default: not sent. */
  readonly authenticatedAt?: number | undefined
  /** `x-fapi-customer-ip-address`, while the customer is present. Default: not sent. */
  readonly customerIpAddress?: string | undefined
  /** `x-customer-user-agent`: their browser's. Default: not sent. */
  readonly customerUserAgent?: string | undefined
  /** `x-fapi-financial-id`: the bank, where it wants to be named. Default: not sent. */
  readonly financialId?: string | undefined
}

/**
 * The headers of one call: make them anew for each, give them to your HTTP client, and leave them as they are when you
 * repeat that call. A request that is sent again with a new token keeps them, as it keeps `x-idempotency-key`.
 *
 * @throws TypeError naming the option
 * @see FAPI 1.0 Baseline §6.2.2, OpenID Connect Core §2 for the login's time (`auth_time`, there in seconds)
 */
export function fapiHeaders(options: FapiHeaderOptions = {}): Record<string, string> {
  checkOptions('fapiHeaders', options, names)
  for (const name of names) if (name !== 'authenticatedAt') checkHeader(name, options[name])
  const { interactionId = randomUUID(), authenticatedAt, customerIpAddress, customerUserAgent, financialId } = options
  if (customerIpAddress !== undefined && !isIpAddress(customerIpAddress))
    throw optionError('customerIpAddress', 'must be an IPv4 or IPv6 address, without a port')
  const headers = {
    'x-fapi-interaction-id': interactionId,
    'x-fapi-auth-date': dateOf(authenticatedAt),
    'x-fapi-customer-ip-address': customerIpAddress,
    'x-customer-user-agent': customerUserAgent,
    'x-fapi-financial-id': financialId,
  }
  return Object.fromEntries(
    Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
}

const names = ['interactionId', 'authenticatedAt', 'customerIpAddress', 'customerUserAgent', 'financialId'] as const

function checkHeader(option: string, value: string | undefined): void {
  if (value === undefined) return
  checkText(option, value)
  if (!/^[\x20-\x7e]+$/.test(value)) throw optionError(option, 'must be printable ASCII, since it becomes a header')
}

/** As URLs have them: IPv6 ones in brackets there. */
function isIpAddress(text: string): boolean {
  if (text.includes(':')) return URL.canParse(`http://[${text}]`)
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(text) && URL.canParse(`http://${text}`)
}

/** The end of the year 9999: dates in headers have four digits for it. */
const latest = 253_402_300_799_999

/** `Sun, 10 Sep 2017 19:43:31 GMT` (RFC 7231 §7.1.1.1). */
function dateOf(at: number | undefined): string | undefined {
  if (at === undefined) return undefined
  checkNumber('authenticatedAt', at, 0)
  if (at > latest) throw optionError('authenticatedAt', 'must be an instant in epoch milliseconds')
  return new Date(at).toUTCString()
}
