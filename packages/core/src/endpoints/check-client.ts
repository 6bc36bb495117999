/** The first argument of what asks an endpoint. */
import type { Client } from '../client.js'
import { optionError, refusePromise } from '../options.js'

/**
 * Refuses what is no client.
 *
 * @param call how it is called, for those who have mixed up the order
 * @throws TypeError naming `client`
 */
export function checkIsClient(client: unknown, call: string): asserts client is Client {
  refusePromise('client', client)
  if (typeof Object(client).transport !== 'function')
    throw optionError('client', `must come from createClient(); the order is ${call}`)
}
