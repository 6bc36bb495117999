/** Sessions: who is logged in, in a sealed cookie; and their tokens, by the session's id. */
import { randomBytes } from 'node:crypto'
import { createUserTokenSources, type Grant, type TokenSource, type UserTokenSource } from '@grantkit/core'
import { cookiesOf, setCookie } from './cookie.js'
import type { WebRequest, WebResponse } from './middleware.js'
import type { LoginRequest, Settings } from './options.js'
import type { UserClaims } from './request.js'
import type { AskedFor } from './step-up.js'

/** Who is logged in. */
export interface Session {
  readonly id: string
  readonly claims: UserClaims
  readonly scope: string | undefined
  readonly loggedInAt: number
  readonly askedFor: AskedFor
}

/** The sessions of one app. */
export interface Sessions {
  load(request: WebRequest, response: WebResponse): Promise<Session | undefined>
  begin(
    request: WebRequest,
    response: WebResponse,
    login: {
      readonly grant: Grant
      readonly askedFor: AskedFor
      /** For `onLogin`. */
      readonly expectedClaims: Readonly<Record<string, string>> | undefined
    },
  ): Promise<Session>
  end(request: WebRequest, response: WebResponse): Promise<{ readonly idToken: string | undefined }>
  tokenSource(session: Session): TokenSource
  close(): Promise<void>
}

export function createSessions({ client, site, seal, store, onLogin }: Settings): Sessions {
  const users = createUserTokenSources({ client, store })
  const name = `${site.isSecure ? '__Host-' : ''}grantkit-session-${site.id}`
  const attributes = { path: '/', httpOnly: true, secure: site.isSecure, sameSite: 'lax' } as const
  const header = { use: 'session', cookie: name }

  async function load(request: WebRequest): Promise<Session | undefined> {
    const sealed = cookiesOf(request).get(name)
    return sealed === undefined ? undefined : ((await seal.open(sealed, header)) as unknown as Session | undefined)
  }
  async function forget(session: Session | undefined) {
    if (session === undefined) return undefined
    const user: UserTokenSource = users.for(session.id)
    const { idToken } = await user.getTokenSet().catch(() => ({ idToken: undefined }))
    await user.forget()
    return idToken
  }

  return {
    load,
    async begin(request, response, { grant, askedFor, expectedClaims = {} }) {
      await forget(await load(request))
      const id = randomBytes(32).toString('base64url')
      const tokenSet = await users.for(id).redeem(grant)
      const claims = tokenSet.idTokenClaims
      const finished = { claims, tokenSet, expectedClaims, request: request as LoginRequest }
      const kept = (await onLogin?.(finished)) ?? claims ?? {}
      const session: Session = { id, claims: kept, scope: tokenSet.scope, loggedInAt: client.clock.now(), askedFor }
      setCookie(response, name, await seal.seal(JSON.parse(JSON.stringify(session)), header), attributes)
      return session
    },
    async end(request, response) {
      const idToken = await forget(await load(request))
      setCookie(response, name, '', { ...attributes, maxAge: 0 })
      return { idToken }
    },
    tokenSource: session => users.for(session.id),
    close: () => users.close(),
  }
}
