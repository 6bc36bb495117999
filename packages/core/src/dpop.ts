/**
 * DPoP: proofs that whoever sends a request has the key its token is bound to (RFC 9449 §4), and the nonces that servers
 * want in them (§8, §9). A proof is made at once, so that no HTTP library has to wait for one at a hop.
 */
import { randomUUID } from 'node:crypto'
import type { SigningAlgorithm } from './algorithms.js'
import { msToSeconds } from './clock.js'
import { type Jwk, jwkThumbprint, type PrivateKey } from './keys.js'
import { checkOptions, optionError, parseUrl } from './options.js'
import { sha256 } from './secret.js'
import { generatePrivateKey, localSigner } from './signer.js'

/** The key that tokens are bound to. */
export interface DpopKeyOptions {
  /**
   * The private key. Default: a new one, P-256 unless `alg` asks for another. It is gone with the process, and so is
   * whatever is bound to it: a public client keeps its refresh tokens only with a key that stays. It has to be in this
   * process, since a hop of a redirect waits for no KMS.
   */
  readonly key?: PrivateKey | undefined
  /** Default: by the key's type, `ES256` or `EdDSA`. RSA leaves a choice, so it has to be given there. */
  readonly alg?: SigningAlgorithm | undefined
  /** Decrypts an encrypted PEM. */
  readonly passphrase?: string | undefined
}

/** What one proof is for. */
export interface DpopProof {
  /** `htm`: the method as it goes over the wire. */
  readonly method: string
  /** `htu`: where the request goes; query and fragment are left out. */
  readonly url: string | URL
  /** `iat`, in epoch milliseconds. */
  readonly now: number
  /** The token that goes with it; none at the token endpoint. */
  readonly accessToken?: string | undefined
  /** The SHA-256 of that in base64url, where it is known. Default: made of it. */
  readonly ath?: string | undefined
  /** What the server of that origin wants in it. */
  readonly nonce?: string | undefined
}

/** A key that tokens are bound to, made by `dpopKey()`. Printing one shows its public half. */
export interface DpopKey {
  /** The algorithm of its proofs. */
  readonly alg: SigningAlgorithm
  /** `jkt`: the SHA-256 thumbprint of the public key, which `dpop_jkt` and `cnf` name it by. @see RFC 7638, RFC 9449 §6, §10 */
  readonly thumbprint: string
  /** As it stands in each proof. */
  readonly publicJwk: Jwk
  /** A new proof, good for one request: its `jti` is a UUID of its own. @see RFC 9449 §4.2 */
  signProof(proof: DpopProof): string
}

/**
 * Reads or makes the key that a client's tokens are bound to: `createClient({ dpop: dpopKey() })`.
 *
 * @throws TypeError naming the option: a key that cannot be read, is elsewhere, or cannot do `alg`
 * @see RFC 9449 §4
 */
export function dpopKey(options: DpopKeyOptions = {}): DpopKey {
  checkOptions('dpopKey', options, ['key', 'alg', 'passphrase'])
  refuseUnset(options)
  const { key = generatePrivateKey(options.alg ?? 'ES256'), passphrase } = options
  if (typeof key === 'function')
    throw optionError('key', 'must be in this process: proofs are made at once, which no external signer can do')
  const { alg, publicJwk, sign } = localSigner({ key, alg: options.alg, passphrase })
  const header = `${encoded(JSON.stringify({ typ: 'dpop+jwt', alg, jwk: publicJwk }))}.`
  return {
    alg,
    thumbprint: jwkThumbprint(publicJwk, 'sha256'),
    publicJwk,
    signProof({ method, url, now, accessToken, ath = accessToken && sha256(accessToken), nonce }) {
      const { origin, path } = partsOf(url)
      // put together by hand, which takes a quarter of the time: a URL's parts hold no quote, and a UUID and a hash hold none
      const claims = `{"jti":"${randomUUID()}","htm":${quoted(method)},"htu":"${origin}${path}","iat":${msToSeconds(now)}`
      const bound = ath === undefined ? '' : `,"ath":${quoted(ath)}`
      const wanted = nonce === undefined ? '' : `,"nonce":${quoted(nonce)}`
      const input = header + encoded(`${claims}${bound}${wanted}}`)
      return `${input}.${sign(bytesOf(input)).toString('base64url')}`
    },
  }
}

/** A key that is not set by mistake would be made anew in each process. */
function refuseUnset(options: DpopKeyOptions): void {
  if ('key' in options && options.key === undefined)
    throw optionError('key', 'is undefined: an environment variable that is not set? Leave it out for a new key')
}

/** Written and read at once, so that a proof leaves next to nothing to the garbage collector. */
const scratch = Buffer.allocUnsafeSlow(16_384)

function bytesOf(text: string): Buffer {
  // three bytes for each unit of UTF-16 at most
  return text.length * 3 > scratch.length ? Buffer.from(text) : scratch.subarray(0, scratch.write(text))
}

function encoded(part: string): string {
  return bytesOf(part).toString('base64url')
}

/** As JSON has it; most of what stands in a proof needs no more than quotes. */
function quoted(text: string): string {
  return usable.test(text) ? `"${text}"` : JSON.stringify(text)
}

const schemes: Readonly<Record<string, string>> = {
  'https:': 'https:',
  'http:': 'http:',
  'wss:': 'https:',
  'ws:': 'http:',
}

/** What a proof says of a URL. */
interface UrlParts {
  readonly origin: string
  readonly path: string
}

/** The text that was read last: for one request a nonce is looked up, a proof is made, and the next nonce is kept. */
let latest: { readonly url: string; readonly parts: UrlParts } | undefined

function partsOf(url: string | URL): UrlParts {
  if (typeof url !== 'string') return partsIn(url)
  if (latest?.url !== url) latest = { url, parts: partsIn(parseUrl(url)) }
  return latest.parts
}

/** A WebSocket opens with a request over HTTP, whose URL is meant (RFC 6455 §3). */
function partsIn(url: URL | undefined): UrlParts {
  if (url === undefined) throw optionError('url', 'must be an absolute URL')
  const { protocol, host, pathname } = url
  const scheme = schemes[protocol]
  if (scheme === undefined) throw optionError('url', 'must be a URL of HTTP, or of a WebSocket')
  return { origin: `${scheme}//${host}`, path: pathname }
}

/** A token is hashed once, for as long as somebody has it. */
const hashes = new WeakMap<object, string>()

/** `ath` of a token set's access token. */
export function athOf(tokenSet: { readonly accessToken: string }): string {
  let ath = hashes.get(tokenSet)
  if (ath === undefined) {
    ath = sha256(tokenSet.accessToken)
    hashes.set(tokenSet, ath)
  }
  return ath
}

/**
 * By key and origin, the one that was used longest ago first. Of the process, since clients may be made for each request,
 * and by key, since a server may have its nonces for one key alone.
 */
const nonces = new Map<string, string>()
const mostNonces = 1_000
/** RFC 9449 §8.1: NQCHAR. Some servers encrypt what they want to know again. */
const usable = /^[\x21\x23-\x5b\x5d-\x7e]{1,4096}$/

/** The nonce that a server wants in the next proof, as far as it has said so. */
export function nonceFor({ thumbprint }: Pick<DpopKey, 'thumbprint'>, url: string | URL): string | undefined {
  return nonces.get(nonceKey(thumbprint, url))
}

/**
 * Takes in the `DPoP-Nonce` of an answer, whatever its status. Integrations and endpoints do it by themselves; this is for
 * requests that are made with `headersFor()`.
 *
 * @param key the client's `dpop`; without one there is nothing to remember
 * @param url of the request
 * @param nonce the header, if there is one; what is no nonce is ignored
 * @see RFC 9449 §8.2
 */
export function rememberDpopNonce(
  key: Pick<DpopKey, 'thumbprint'> | undefined,
  url: string | URL,
  nonce: string | null | undefined,
): void {
  if (key === undefined || typeof nonce !== 'string' || !usable.test(nonce)) return
  const place = nonceKey(key.thumbprint, url)
  // put at the end
  nonces.delete(place)
  if (nonces.size >= mostNonces) nonces.delete(nonces.keys().next().value as string)
  nonces.set(place, nonce)
}

function nonceKey(thumbprint: string, url: string | URL): string {
  return `${thumbprint} ${partsOf(url).origin}`
}
