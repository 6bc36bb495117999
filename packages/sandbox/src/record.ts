/** What the servers received, in order, kept up to a limit. */

/** What a request was for, by its path. */
export type RequestKind =
  | 'token'
  | 'api'
  | 'authorization'
  | 'pushed-authorization'
  | 'device-authorization'
  | 'userinfo'
  | 'revocation'
  | 'introspection'
  | 'registration'
  | 'jwks'
  | 'discovery'
  | 'other'

/** The client certificate a connection presented. */
export interface PresentedCertificate {
  /** `x5t#S256`: base64url of the SHA-256 of its DER. */
  readonly thumbprint: string
  /** It chains to the sandbox's CA; says nothing about its dates. */
  readonly trusted: boolean
  /** In hexadecimal, as Node shows it. */
  readonly serialNumber: string
  /** The distinguished name of who issued it, as Node shows it. */
  readonly issuer: string
  /** Epoch milliseconds. */
  readonly expiresAt: number
}

/** One request as it arrived, and how it was answered. */
export interface ReceivedRequest {
  /** Sandbox time of arrival, epoch milliseconds. */
  readonly at: number
  /** Which of the system's endpoints it was for. */
  readonly kind: RequestKind
  /** In capitals. */
  readonly method: string
  /** Without the query. */
  readonly path: string
  /** The raw query without `?`; empty when there is none. */
  readonly query: string
  /** Lower-case names; repeated ones joined by `, `. */
  readonly headers: Readonly<Record<string, string>>
  /** Names and values as they came, alternating. */
  readonly rawHeaders: readonly string[]
  /** The body as text. */
  readonly body: string
  /** The form or JSON body's members; the last one wins when one is repeated. */
  readonly parameters: Readonly<Record<string, string>>
  /** Every form parameter in order, repeated ones too; empty for JSON. */
  readonly parameterList: readonly (readonly [string, string])[]
  /** The name in the TLS handshake (SNI). */
  readonly tlsServername: string | undefined
  /** What the connection presented; `undefined` when that was nothing. */
  readonly clientCertificate: PresentedCertificate | undefined
  /** Short for `clientCertificate.thumbprint`. */
  readonly clientCertificateThumbprint: string | undefined
  /** The same number means the same TCP connection. */
  readonly connectionId: number
  /** The status sent; undefined while unanswered, and when the connection was cut instead. */
  status: number | undefined
  /** The fault that was applied, if one was. */
  fault: string | undefined
}

/** A list that forgets its oldest entry rather than grow beyond its limit. */
export class BoundedList<Entry> {
  readonly entries: Entry[] = []
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  add(entry: Entry): void {
    this.entries.push(entry)
    if (this.entries.length > this.#limit) this.entries.shift()
  }

  clear(): void {
    this.entries.length = 0
  }
}

/** A map that forgets its oldest entry rather than grow beyond its limit. */
export class BoundedMap<Value> extends Map<string, Value> {
  readonly #limit: number

  constructor(limit: number) {
    super()
    this.#limit = limit
  }

  override set(key: string, value: Value): this {
    super.set(key, value)
    if (this.size > this.#limit) this.delete(this.keys().next().value as string)
    return this
  }
}
