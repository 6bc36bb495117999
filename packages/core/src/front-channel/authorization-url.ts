/** The URL a browser is sent to: the authorization endpoint with what it carries of its own (RFC 6749 §3.1), and a request. */
import { browserEndpointIn } from '../metadata.js'
import { optionError } from '../options.js'
import type { Parameters, Provider } from '../provider.js'
import { encodeForm } from '../request-encoding.js'
import { isProtocolParameter } from './authorization-parameters.js'

/**
 * What the endpoint has in its own query stays as it is, where it is none of the protocol's.
 *
 * @throws TypeError naming `authorization_endpoint`: it is missing, not https, or carries a parameter of the protocol
 */
export function authorizationUrl({ metadata, name }: Provider, parameters: Parameters): string {
  const url = browserEndpointIn(metadata, 'authorization_endpoint', name)
  for (const own of url.searchParams.keys()) {
    if (isProtocolParameter(own))
      throw optionError('authorization_endpoint', `carries ${own} in its query, which the request itself has to say`)
    if (Object.hasOwn(parameters, own))
      throw optionError(`parameters.${own}`, 'is in the query of the authorization endpoint already')
  }
  const { body } = encodeForm(parameters)
  url.search = url.search === '' ? body : `${url.search}&${body}`
  return url.href
}
