/**
 * Answers to a token are for whoever has it, whatever they say of caching: what keeps them from caches that do not tell
 * tokens apart (RFC 9111 §3, §5.2).
 */

/** What a request says to a cache beneath: serve nothing that is kept, keep nothing (RFC 9111 §5.2.1.5). */
export const uncachedRequest: Readonly<Record<string, string>> = { 'cache-control': 'no-store' }

/** What an answer says to a cache above in `Cache-Control`, instead of what the server says there. */
export const uncachedAnswer = 'private, no-store'
