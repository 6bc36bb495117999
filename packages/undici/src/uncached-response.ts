/** A wrapper above may keep answers, and does not know of tokens: it is told not to. */
import { uncachedAnswer } from '@grantkit/core/kit'
import { define } from './fetch-response.js'

/** An answer whose headers say that it is not to be kept, and whose clones say so too. The body is the answer's own. */
export function keptFromCaches(response: Response): Response {
  // a polyfill's
  if (Object.hasOwn(response, 'headers')) define(response, 'headers', uncached(response.headers))
  return Object.setPrototypeOf(response, uncachedKindOf(Object.getPrototypeOf(response)))
}

/** By the prototype of answers: giving one another takes a fifth of the time of two members of its own. */
const uncachedKinds = new WeakMap<object, object>()

function uncachedKindOf(kind: Response | null): object | null {
  return kind && (uncachedKinds.get(kind) ?? makeUncached(kind))
}

/** What stands between an answer and its class, where that has what is replaced. */
function makeUncached(kind: Response): object {
  if (!('headers' in kind || 'clone' in kind)) return kind
  const ours: object = Object.create(kind)
  const replace = (name: string, member: PropertyDescriptor & ThisType<Response>) => {
    if (name in kind) Object.defineProperty(ours, name, { ...member, configurable: true })
  }
  replace('headers', {
    get() {
      return copyOf(this, ours, kind)
    },
  })
  // caches keep a clone, and hand the answer itself on
  replace('clone', {
    writable: true,
    value() {
      return clonedFrom(this, kind)
    },
  })
  uncachedKinds.set(kind, ours)
  // an answer may be handed on twice
  uncachedKinds.set(ours, ours)
  return ours
}

const copies = new WeakMap<Response, Headers>()

/** Copied once somebody reads them: most answers are never asked for their headers, and some are frozen before. */
function copyOf(reader: Response, ours: object, kind: Response): Headers {
  // an object that has the answer for its prototype asks here as well
  let owner = reader
  while (Object.getPrototypeOf(owner) !== ours) owner = Object.getPrototypeOf(owner)
  const copy = copies.get(owner) ?? uncached(Reflect.get(kind, 'headers', owner))
  copies.set(owner, copy)
  return copy
}

/** The class knows nothing of what was set on the answer. */
function clonedFrom(response: Response, kind: Response): Response {
  const copy = kind.clone.call(response)
  for (const name of ['url', 'redirected', 'type'] as const)
    if (Object.hasOwn(response, name)) define(copy, name, response[name])
  return keptFromCaches(copy)
}

function uncached(headers: Headers): Headers {
  const copy = new Headers(headers)
  copy.set('cache-control', uncachedAnswer)
  return copy
}
