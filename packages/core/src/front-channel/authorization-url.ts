/** The URL a browser is sent to: the authorization endpoint with what it carries of its own (RFC 6749 §3.1), and a request. */
import { browserEndpointIn } from '../metadata.js'
import { optionError } from '../options.js'
import type { Parameters, Provider } from '../provider.js'
import { encodeForm } from '../request-encoding.js'
import { isProtocolParameter } from './authorization-parameters.js'

/**
 * Where the browser is sent, as yet without a request.
 *
 * @throws TypeError naming `authorization_endpoint`: it is missing, not https, or carries a parameter of the protocol
 */
export function authorizationEndpoint({ metadata, name }: Provider): URL {
  const url = browserEndpointIn(metadata, 'authorization_endpoint', name)
  for (const own of ownNames(url))
    if (isProtocolParameter(own))
      throw optionError('authorization_endpoint', `carries ${own} in its query, which the request itself has to say`)
  return url
}

/**
 * What the endpoint has in its own query stays as it is.
 *
 * @param endpoint as {@link authorizationEndpoint} gave it
 * @throws TypeError naming a parameter that stands there already
 */
export function authorizationUrl(endpoint: URL, parameters: Parameters): string {
  for (const own of ownNames(endpoint))
    if (Object.hasOwn(parameters, own))
      throw optionError(`parameters.${own}`, 'is in the query of the authorization endpoint already')
  const { body } = encodeForm(parameters)
  const url = new URL(endpoint)
  url.search = url.search === '' ? body : `${url.search}&${body}`
  return url.href
}

/** Most have no query, and looking for names in none takes its time. */
function ownNames(url: URL): Iterable<string> {
  return url.search === '' ? [] : url.searchParams.keys()
}
