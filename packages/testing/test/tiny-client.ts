/** An HTTP client in one screen that does all the contract asks for; and the faults it can be given. */
import http from 'node:http'
import https from 'node:https'
import { Readable } from 'node:stream'
import { gunzipSync } from 'node:zlib'
import {
  type Client,
  clientCredentials,
  isGrantKitError,
  requestTokenSet,
  type TlsOptions,
  type TokenSet,
  type TokenSource,
} from '@grantkit/core'
import { type Attached, attach, httpsAgent, parseOrigins } from '@grantkit/core/kit'
import type { ClientBody, ClientRequest, ClientResponse, HttpClientAttachment, HttpClientSetup } from '../src/index.js'

export type Fault =
  | 'attaches nothing'
  | 'a token request per call'
  | 'one token for ever'
  | 'checks no origin'
  | 'compares origins as text'
  | 'checks another URL than it sends'
  | 'passes nothing through'
  | 'the first source serves all'
  | 'overwrites what the caller set'
  | 'sends without a token when none can be had'
  | 'errors without a cause'
  | 'errors with the request'
  | 'never replays'
  | 'replays twice'
  | 'replays every 401'
  | 'looks at no 401 without a challenge'
  | 'says nothing of what came of it'
  | 'looks at a 401 alone'
  | 'replays without the body'
  | 'replays streams'
  | 'replays outside the pipeline'
  | 'forgets that it replayed'
  | 'hands on no body after a look'
  | 'looks at compressed bodies'
  | 'ignores aborts'
  | 'token requests end with their caller'
  | 'one token for all attempts'
  | 'one attempt'
  | 'follows all redirects'
  | 'follows no redirects'
  | 'strips no header'
  | 'strips Authorization alone'
  | 'strips everything within the origins'
  | 'gives back what it stripped'
  | 'renews for other origins'
  | 'presents no certificate'
  | 'presents one certificate for ever'
  | 'presents the certificate everywhere'
  | 'trusts every server'
  | 'keeps answers by URL alone'
  | 'proves nothing'
  | 'one proof for ever'
  | 'proves where it began'
  | 'proves with every token'
  | 'sends every token as Bearer'
  | 'loses nonces'

interface Prepared {
  readonly method: string
  /** As the caller wrote it. */
  readonly text: string
  readonly url: URL
  /** The caller's, lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer | Readable | undefined
  readonly signal: AbortSignal | undefined
}

interface Answer extends ClientResponse {
  readonly strayed: boolean
}

const maxHops = 20

function asSent(url: string, baseUrl: string | undefined): URL {
  return new URL(/^https?:/.test(url) ? url : `${baseUrl}${url}`)
}

export function tinyClient(...faults: readonly Fault[]): HttpClientSetup['create'] {
  const has = (fault: Fault) => faults.includes(fault)
  return (all, { baseUrl, retries = 0, followRedirects = true, cache }) => {
    const kept = new Map<string, Answer>()
    let first: Promise<TokenSet> | undefined
    let proof: string | undefined
    const agents = new Map(all.map(one => [one, one.tls && agentFor(one.tls)]))
    const agentOf = (one: HttpClientAttachment | undefined) => (one ? agents.get(one) : undefined)

    function agentFor(tls: TlsOptions): https.Agent {
      if (!has('presents one certificate for ever')) return httpsAgent(tls)
      return new https.Agent({ keepAlive: true, ca: tls.ca as string, ...(tls.certificate?.contextOptions as object) })
    }

    async function send(request: ClientRequest): Promise<ClientResponse> {
      const prepared = await prepare(request, baseUrl)
      let attached: Attached | undefined
      for (let attempt = has('one attempt') ? retries : 0; ; attempt++) {
        const attachment = find(prepared.url)
        attached = has('one token for all attempts') && attached ? attached : await attachTo(prepared, attachment)
        const answer = await once(prepared, attachment, attached)
        if (answer.status !== 503 || attempt >= retries) {
          const { status, headers, body } = answer
          return { status, headers, body }
        }
      }
    }

    function find(url: URL): HttpClientAttachment | undefined {
      if (has('checks no origin') || has('the first source serves all')) return all[0]
      const found = all.find(one => originsOf(one).has(url))
      if (found !== undefined) return found
      for (const one of all)
        if (one.otherOrigins !== 'pass-through' || has('passes nothing through')) originsOf(one).check(url)
      return undefined
    }

    function originsOf({ origins }: HttpClientAttachment) {
      if (!has('compares origins as text')) return parseOrigins(origins)
      const includes = (url: string | URL) => origins.some(one => decodeURI(String(url)).includes(new URL(one).host))
      return { has: includes, check: parseOrigins(origins).check }
    }

    async function attachTo({ method, url, headers, signal }: Prepared, attachment: HttpClientAttachment | undefined) {
      if (attachment === undefined || has('attaches nothing')) return undefined
      if ('authorization' in headers && !has('overwrites what the caller set')) return undefined
      const { source } = attachment
      const origins = has('checks no origin') ? { has: () => true, check() {} } : originsOf(attachment)
      const chosen = typeof source === 'function' ? await source({ header: name => headers[name] }) : source
      const asked = {
        ...chosen,
        ...(has('a token request per call') && {
          getTokenSet: () => chosen.getTokenSet().then(() => ownToken(chosen)),
        }),
        ...(has('one token for ever') && { getTokenSet: () => (first ??= chosen.getTokenSet()) }),
      }
      const borrowed = has('token requests end with their caller') ? undefined : signal
      try {
        return await attach(asked, origins, { method, url, ...(!has('ignores aborts') && { signal: borrowed }) })
      } catch (error) {
        if (has('sends without a token when none can be had')) return undefined
        throw has('errors without a cause') ? new Error('no token') : error
      }
    }

    async function once(
      prepared: Prepared,
      attachment: HttpClientAttachment | undefined,
      attached: Attached | undefined,
    ) {
      const isStream = prepared.body instanceof Readable
      const again = has('replays without the body') || isStream ? { ...prepared, body: undefined } : prepared
      let answer = await follow(prepared, attachment, attached)
      for (let replays = 0; ; replays++) {
        const isReplayed = replays > 0
        const isSilent = isReplayed && has('says nothing of what came of it')
        const isOver = isSilent ? answer.status !== 401 : !attached || !concerns(attached, answer)
        if (!attached || isOver || has('never replays')) return answer
        if (answer.strayed && !has('renews for other origins')) return answer
        if (isReplayed && has('forgets that it replayed')) return answer
        if (isReplayed && has('replays twice')) return follow(again, attachment, attached)
        const headers = await decide(attached, answer, !isStream || has('replays streams'))
        if (headers === undefined) return has('hands on no body after a look') ? { ...answer, body: '' } : answer
        if (has('replays outside the pipeline'))
          return exchange(again, { ...again.headers, ...headers }, undefined, false)
        answer = await follow(again, attachment, attached)
      }
    }

    function concerns(attached: Attached, { status, headers }: Answer): boolean {
      if (has('looks at a 401 alone') && status !== 401) return false
      const isBare = !/invalid_token/.test(headers['www-authenticate'] ?? '')
      return attached.concerns(status, nonceIn(headers)) && !(has('looks at no 401 without a challenge') && isBare)
    }

    async function decide(attached: Attached, { status, headers, body }: Answer, replayable: boolean) {
      if (has('replays every 401'))
        return attached.replay({ status, wwwAuthenticate: 'invalid_token', body: async () => '' }, true)
      const seen = has('looks at compressed bodies') && headers['content-encoding'] ? '' : body
      return attached.replay(
        { status, wwwAuthenticate: headers['www-authenticate'], dpopNonce: nonceIn(headers), body: async () => seen },
        replayable,
      )
    }

    function nonceIn(headers: Answer['headers']): string | undefined {
      return has('loses nonces') ? undefined : headers['dpop-nonce']
    }

    /** What a hop carries of ours. */
    function headersOf(attached: Attached | undefined): Readonly<Record<string, string>> {
      if (attached === undefined) return {}
      const { dpop, authorization = '', ...others } = attached.headers
      if (dpop !== undefined && has('one proof for ever')) proof ??= dpop
      const sent = has('proves with every token') ? 'eyJ' : (proof ?? dpop)
      return {
        ...others,
        authorization: has('sends every token as Bearer') ? authorization.replace('DPoP', 'Bearer') : authorization,
        ...(sent !== undefined && !has('proves nothing') && { dpop: sent }),
      }
    }

    async function follow(
      start: Prepared,
      attachment: HttpClientAttachment | undefined,
      attached: Attached | undefined,
    ): Promise<Answer> {
      let step = has('checks another URL than it sends') ? { ...start, url: asSent(start.text, baseUrl) } : start
      let strayed = false
      for (let hops = 0; ; hops++) {
        const checked = hops === 0 ? start.url : step.url
        const listed = attachment !== undefined && originsOf(attachment).has(checked)
        strayed = has('gives back what it stripped') ? !listed : strayed || !listed
        if (has('strips everything within the origins') && hops > 0) strayed = true
        if (!strayed && !(hops > 0 && has('proves where it began'))) attached?.allows(step.url, step.method)
        const carried = strayed ? leftovers(attached) : headersOf(attached)
        const agent = strayed && !has('presents the certificate everywhere') ? undefined : agentOf(attachment)
        const found = kept.get(step.url.href)
        const sent = found ?? exchange(step, merged(carried, step.headers), agent, strayed)
        const answer = await Promise.resolve(sent).catch(error => {
          throw has('errors with the request') ? Object.assign(error, { sent: attached?.headers }) : error
        })
        if (cache !== undefined && has('keeps answers by URL alone')) kept.set(step.url.href, answer)
        const { location } = answer.headers
        const isRedirect = location !== undefined && answer.status >= 300 && answer.status < 400
        const follows = (followRedirects || has('follows all redirects')) && !has('follows no redirects')
        if (!isRedirect || !follows) return answer
        if (!strayed) attached?.concerns(answer.status, nonceIn(answer.headers))
        if (hops >= maxHops) throw new Error('too many redirects')
        step = next(step, answer.status, new URL(location, step.url))
      }
    }

    function leftovers(attached: Attached | undefined): Readonly<Record<string, string>> {
      if (has('strips no header') || has('checks no origin')) return attached?.headers ?? {}
      const { authorization: _, ...others } = attached?.headers ?? {}
      return has('strips Authorization alone') ? others : {}
    }

    function next(step: Prepared, status: number, url: URL): Prepared {
      const { authorization: _, ...others } = step.headers
      const headers = url.origin === step.url.origin || has('strips no header') ? step.headers : others
      const becomesGet = status === 303 || (status < 303 && step.method === 'POST')
      return { ...step, url, headers, ...(becomesGet && { method: 'GET', body: undefined }) }
    }

    function merged(ours: Readonly<Record<string, string>>, callers: Readonly<Record<string, string>>) {
      const lowered = Object.fromEntries(Object.entries(ours).map(([name, value]) => [name.toLowerCase(), value]))
      return has('overwrites what the caller set') ? { ...callers, ...lowered } : { ...lowered, ...callers }
    }

    function exchange(
      { method, url, body, signal }: Prepared,
      headers: Readonly<Record<string, string>>,
      agent: https.Agent | undefined,
      strayed: boolean,
    ): Promise<Answer> {
      return new Promise((resolve, reject) => {
        const library = url.protocol === 'https:' ? https : http
        const length = Buffer.isBuffer(body) ? { 'content-length': String(body.length) } : {}
        const used = has('presents no certificate') ? undefined : agent
        const sent = library.request(
          url,
          {
            method,
            headers: { ...headers, ...length },
            ...(used && { agent: used }),
            ...(signal && !has('ignores aborts') && { signal }),
            ...(has('trusts every server') && { agent: false, rejectUnauthorized: false }),
          },
          incoming =>
            incoming.toArray().then(chunks => {
              const { statusCode: status = 0, headers } = incoming
              const zipped = headers['content-encoding'] === 'gzip'
              const whole = Buffer.concat(chunks)
              const text = (zipped ? gunzipSync(whole) : whole).toString()
              resolve({ status, headers: headers as Record<string, string>, body: text, strayed })
            }, reject),
        )
        sent.on('error', reject)
        if (body instanceof Readable) body.on('error', error => sent.destroy(error)).pipe(sent)
        else sent.end(body)
      })
    }

    return {
      async send(request) {
        try {
          return await send(request)
        } catch (error) {
          if (has('errors without a cause') && isGrantKitError(error)) throw new Error('failed')
          throw error
        }
      },
      async close() {
        for (const agent of agents.values()) agent?.destroy()
      },
    }
  }
}

function ownToken({ client }: TokenSource): Promise<TokenSet> {
  return requestTokenSet(client as Client, clientCredentials())
}

async function prepare(request: ClientRequest, baseUrl: string | undefined): Promise<Prepared> {
  const { method = 'GET', url, headers = {}, timeoutMs, signal } = request
  const { type, body } = await encode(request.body)
  const lowered = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])
  const signals = [signal, timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs)]
  return {
    method,
    text: url,
    url: new URL(url, baseUrl),
    headers: { ...(type && { 'content-type': type }), ...Object.fromEntries(lowered) },
    body,
    signal: AbortSignal.any(signals.filter(one => one !== undefined)),
  }
}

async function encode(
  body: ClientBody | undefined,
): Promise<{ type?: string | null; body: Buffer | Readable | undefined }> {
  if (body === undefined) return { body: undefined }
  if (typeof body === 'object' && 'json' in body)
    return { type: 'application/json', body: Buffer.from(JSON.stringify(body.json)) }
  if (typeof body === 'object' && 'stream' in body) return { body: Readable.from(body.stream) }
  const encoded = new Response(body as string)
  return { type: encoded.headers.get('content-type'), body: Buffer.from(await encoded.arrayBuffer()) }
}
