/** Who may talk to the app: pages of its own, on this machine. */
import type { RequestHandler } from 'express'

/** Nothing inline, nothing from elsewhere, no frame around it. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** The headers of every answer. */
export const secureHeaders: RequestHandler = (_request, response, next) => {
  response.set({
    'Content-Security-Policy': contentSecurityPolicy,
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cache-Control': 'no-store',
  })
  next()
}

/** Another name that leads here belongs to another site (DNS rebinding). */
export const loopbackNamesOnly: RequestHandler = (request, response, next) => {
  if (/^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/i.test(request.headers.host ?? '')) return next()
  response.status(421).json({ error: 'this is served to loopback names only' })
}

/** A header that another site's page cannot send without asking first, which nobody here allows. */
export const ownPagesOnly: RequestHandler = (request, response, next) => {
  if (request.method === 'GET' || request.method === 'HEAD' || request.headers['x-grantkit-demo'] === '1') return next()
  response.status(403).json({ error: 'the header X-GrantKit-Demo is missing' })
}

/** Cookies of one loopback name are not those of another: the login is at the name that the redirect URI has. */
export function oneNameOnly(origin: string): RequestHandler {
  const { host } = new URL(origin)
  return (request, response, next) => {
    if (request.headers.host === host || request.method !== 'GET') return next()
    response.redirect(origin + request.baseUrl + request.path)
  }
}
