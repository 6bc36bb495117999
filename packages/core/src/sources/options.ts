/** What every token source takes: checked once, when it is made. */
import type { Client } from '../client.js'
import { checkIsGrant, type Grant } from '../grants/grant.js'
import type { Thresholds } from '../lifecycle/cached.js'
import { statedList } from '../metadata.js'
import { checkNumber, checkOptions, optionError } from '../options.js'
import { parseOrigins } from '../origins.js'
import { checkStore, type TokenStore } from '../store/token-store.js'

/** What every token source takes. */
export interface SourceOptions extends Thresholds {
  /** Who asks for the tokens, made by `createClient()`. */
  readonly client: Client
  /** Where tokens are kept, so that processes share them. Default: this process's memory. */
  readonly store?: TokenStore | undefined
  /** Where tokens may be sent: scheme, host and port. Default for every integration, needed for `headersFor`. */
  readonly origins?: readonly string[] | undefined
}

const names = ['client', 'store', 'origins', 'refreshBeforeMs', 'expiryMarginMs'] as const

/**
 * Refuses options that cannot be meant.
 *
 * @param factory the name of the function they were given to
 * @param own the options it takes beside those of every source
 * @throws TypeError naming the option
 */
export function checkSourceOptions<Options extends SourceOptions>(
  factory: string,
  options: Options,
  ...own: readonly (Exclude<keyof Options, keyof SourceOptions> & string)[]
): void {
  if (typeof Object(options).transport === 'function')
    throw optionError(`${factory}()`, `takes one options object, with the client in it: ${factory}({ client })`)
  checkOptions(factory, options, [...names, ...own])
  const { client, store, origins, refreshBeforeMs, expiryMarginMs } = options
  if (typeof client?.transport !== 'function') throw optionError('client', 'must come from createClient()')
  if (store !== undefined) checkStore(store)
  if (origins !== undefined) parseOrigins(origins)
  if (refreshBeforeMs !== undefined) checkNumber('refreshBeforeMs', refreshBeforeMs, 0)
  if (expiryMarginMs !== undefined) checkNumber('expiryMarginMs', expiryMarginMs, 0)
}

/**
 * Refuses a grant that the server does not take.
 *
 * @throws TypeError naming `grant`
 */
export function checkGrant({ provider }: Client, grant: Grant): void {
  checkIsGrant(grant)
  const accepted = statedList(provider.metadata, 'grant_types_supported')
  if (accepted !== undefined && !accepted.includes(grant.grantType))
    throw optionError('grant', `${provider.name} takes ${accepted.join(', ')}, not ${grant.grantType}`)
}
