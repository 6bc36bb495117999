/** Makes a provider out of data, whose every member is checked once. */
import { type AuthorizationServerMetadata, checkMetadata } from './metadata.js'
import {
  checkBoolean,
  checkFunction,
  checkNumber,
  checkObject,
  checkOptions,
  checkSecureUrl,
  checkText,
  optionError,
} from './options.js'
import type { ClientAssertionRules, Conform, Provider, RegistrationRules, RequestObjectRules } from './provider.js'
import { checkRequestHeaders, hidden } from './request-headers.js'

/** What is known of a server. */
export interface ProviderDefinition {
  /** Names the server in errors and events, such as `wso2-apk`. */
  readonly name: string
  /** The server's metadata by its RFC 8414 names: `issuer` and `token_endpoint` at least. */
  readonly metadata: AuthorizationServerMetadata
  /** How the server departs from the RFCs. Default: it does not. */
  readonly conform?: Conform | undefined
}

/**
 * Makes a provider out of data. The only function a provider package calls.
 *
 * @throws TypeError naming the option: a missing name, an endpoint that is not https
 */
export function defineProvider(definition: ProviderDefinition): Provider {
  checkOptions('defineProvider', definition, ['name', 'metadata', 'conform'])
  checkText('name', definition.name)
  const { conform = {} } = definition
  checkObject('conform', conform)
  checkOptions('defineProvider', conform, Object.keys(checks))
  for (const name of Object.keys(checks) as (keyof Conform)[])
    if (conform[name] !== undefined) checks[name](name, conform[name])
  return Object.freeze({
    name: definition.name,
    metadata: checkMetadata(definition.metadata),
    conform: guarded(conform),
  })
}

/** Header values may be secrets, and providers are printed. */
function guarded(conform: Conform): Conform {
  const { requestHeaders } = conform
  if (requestHeaders === undefined) return conform
  return { ...conform, requestHeaders: hidden(requestHeaders) }
}

type Check = (option: string, value: unknown) => void

const either =
  (...values: readonly string[]): Check =>
  (option, value) => {
    if (!values.includes(value as string))
      throw optionError(option, `must be ${values.map(one => `'${one}'`).join(' or ')}`)
  }

const orFunction =
  (check: Check): Check =>
  (option, value) =>
    typeof value === 'function' || check(option, value)

const atLeast =
  (least: number): Check =>
  (option, value) =>
    value === Number.POSITIVE_INFINITY || checkNumber(option, value, least)

const checkRejectionStatuses: Check = (option, statuses) => {
  const isError = (status: unknown) => Number.isInteger(status) && Number(status) >= 400 && Number(status) <= 599
  if (!Array.isArray(statuses) || statuses.length === 0 || !statuses.every(isError))
    throw optionError(option, 'must list statuses from 400 to 599, such as [401, 403]')
}

const checkRelaxed: Check = (option, names) => {
  if (!Array.isArray(names) || !names.every(name => name === 'acr'))
    throw optionError(option, "must be a list: ['acr']")
}

/** Of an object of rules: each that is there, by its own check. */
const eachBy =
  <Rules>(checks: Readonly<Record<keyof Rules, Check>>): Check =>
  (option, rules) => {
    checkObject(option, rules)
    checkOptions(option, rules, Object.keys(checks))
    for (const [name, check] of Object.entries<Check>(checks)) {
      const { [name]: value } = rules as Record<string, unknown>
      if (value !== undefined) check(`${option}.${name}`, value)
    }
  }

const checkSeconds: Check = (option, seconds) => checkNumber(option, seconds, 1)

/** FAPI 1.0 Advanced §5.2.2: an hour at most between `nbf`, which is set back by ten seconds, and `exp`. */
const longestRequestSeconds = 3_540

/** Refuses what is no lifetime of a request object, in seconds. */
export function checkRequestLifetime(option: string, seconds: unknown): void {
  checkNumber(option, seconds, 1)
  if (seconds > longestRequestSeconds) throw optionError(option, `must be at most ${longestRequestSeconds}`)
}

/** A record, so that none can be left out. */
const checks: Readonly<Record<keyof Conform, Check>> = {
  refreshEndpoint: checkSecureUrl,
  requiresCertificate: checkBoolean,
  basicCredentials: either('form', 'raw'),
  defaultSecretMethod: either('client_secret_basic', 'client_secret_post'),
  clientAssertion: eachBy<ClientAssertionRules>({
    audience: orFunction(checkText),
    typ: checkText,
    lifetimeSeconds: checkSeconds,
  }),
  requestObject: eachBy<RequestObjectRules>({
    audience: checkText,
    typ: checkText,
    lifetimeSeconds: checkRequestLifetime,
  }),
  registration: eachBy<RegistrationRules>({
    signed: checkBoolean,
    audience: checkText,
    typ: checkText,
    lifetimeSeconds: checkSeconds,
    contentType: checkText,
    clientUri: checkFunction,
  }),
  checkCredentials: checkFunction,
  encodeRequest: checkFunction,
  responseEncoding: orFunction(either('json', 'form')),
  mapTokenResponse: checkFunction,
  mapResponse: checkFunction,
  defaultTokenType: checkText,
  defaultExpiresIn: atLeast(1),
  zeroExpiresIn: either('now', 'never'),
  classifyError: checkFunction,
  refreshTokenResends: atLeast(0),
  revocationEndsConsent: checkBoolean,
  relax: checkRelaxed,
  rejectionStatuses: checkRejectionStatuses,
  recognizeRejection: checkFunction,
  requestHeaders: checkRequestHeaders,
  resourceHeaders: checkObject,
}
