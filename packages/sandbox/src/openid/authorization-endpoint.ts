/** `/authorize`: answers at once, as if the user were logged in and agreed, in every response mode. */
import { randomBytes } from 'node:crypto'
import type { Answer } from '../answer.js'
import { epochSeconds } from '../clock.js'
import type { ReceivedRequest } from '../record.js'
import { readAuthorizationRequest } from './authorization-request.js'
import { type AnswerPlace, type AuthorizationResponseDraft, jwtDraft, writeJwt } from './drafts.js'
import { createIdToken } from './id-token.js'
import type { Authorization, AuthorizationParameters, OpenidProvider } from './openid-provider.js'

/** Redirects with a code, or shows the form of `form_post`. */
export function answerAuthorizationRequest(provider: OpenidProvider, request: ReceivedRequest): Answer {
  const asked = readAuthorizationRequest(provider, new URLSearchParams(request.query || request.body))
  const draft = responseDraft(provider, asked)
  provider.misbehaviours.apply('authorization-response', 'authorization', draft, provider)
  const parameters = draft.signed ? signedParameters(provider, draft) : draft.parameters
  return placed(asked.redirect_uri as string, draft, parameters)
}

function responseDraft(provider: OpenidProvider, asked: AuthorizationParameters): AuthorizationResponseDraft {
  const code = issueCode(provider, asked)
  const isHybrid = asked.response_type === 'code id_token'
  const mode = asked.response_mode ?? (isHybrid ? 'fragment' : 'query')
  const [place = '', signed] = mode === 'jwt' ? [isHybrid ? 'fragment' : 'query', 'jwt'] : mode.split('.')
  const parameters = {
    code,
    state: asked.state,
    ...(isHybrid ? { id_token: idTokenInFront(provider, asked, code) } : {}),
    ...(provider.settings.issParameter ? { iss: provider.issuer } : {}),
  }
  const present = Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return { parameters: present, place: place as AnswerPlace, elsewhere: [], signed: signed !== undefined }
}

function issueCode({ clock, codes, settings }: OpenidProvider, parameters: AuthorizationParameters): string {
  const code = randomBytes(24).toString('base64url')
  codes.set(code, {
    subject: settings.subject,
    scope: parameters.scope ?? 'openid',
    parameters,
    authenticatedAt: clock.now(),
    keyThumbprint: parameters.dpop_jkt,
    expiresAt: clock.now() + settings.codeLifetimeSeconds * 1000,
  })
  return code
}

function idTokenInFront(provider: OpenidProvider, asked: AuthorizationParameters, code: string): string {
  const authorization = provider.codes.get(code) as Authorization
  return createIdToken(provider, authorization, { occasion: 'authorization', code, state: asked.state })
}

/** JARM §2.1: the parameters as claims, with `iss`, `aud` and ten minutes to live. */
function signedParameters(provider: OpenidProvider, { parameters }: AuthorizationResponseDraft): [string, string][] {
  const { clientId, clock, issuer, keys, settings } = provider
  const alg = settings.authorizationSignedResponseAlg
  const { kid, privateKey } = keys.for(alg)
  const claims = {
    iss: issuer,
    aud: clientId,
    exp: epochSeconds(clock.now()) + 600,
    // the issuer is a claim of its own already (RFC 9207 §2.4)
    ...Object.fromEntries(parameters.filter(([name]) => name !== 'iss')),
  }
  const draft = jwtDraft({ alg, kid, typ: 'JWT' }, claims, privateKey)
  return [['response', writeJwt(provider.misbehaviours.apply('jarm', 'authorization', draft, provider))]]
}

function placed(redirectUri: string, draft: AuthorizationResponseDraft, parameters: [string, string][]): Answer {
  if (draft.place === 'form_post') return form(redirectUri, parameters)
  const [query, fragment] = draft.place === 'query' ? [parameters, draft.elsewhere] : [draft.elsewhere, parameters]
  const url = new URL(redirectUri)
  for (const [name, value] of query) url.searchParams.append(name, value)
  url.hash = new URLSearchParams(fragment).toString()
  return { status: 303, headers: { location: url.href, 'cache-control': 'no-store' } }
}

/** OAuth 2.0 Form Post Response Mode §2. */
function form(redirectUri: string, parameters: [string, string][]): Answer {
  const inputs = parameters.map(
    ([name, value]) => `<input type="hidden" name="${escaped(name)}" value="${escaped(value)}">`,
  )
  const body = `<!DOCTYPE html><title>Back to the application</title><body onload="document.forms[0].submit()"><form method="post" action="${escaped(redirectUri)}">${inputs.join('')}</form></body>`
  return { status: 200, headers: { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' }, body }
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`)
}
