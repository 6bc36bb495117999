/** What the visitor's browser asks of the app, and is told to do, as steps. */
import type { Request, RequestHandler, Response } from 'express'
import { toneOf } from '../app/server-record.js'
import { type NewStep, namesIn } from './steps.js'

/** Tells of a request below `/bank/` when it comes, and of where it sends the browser when it is answered. */
export function tellBrowserSteps(tell: (step: NewStep) => void): RequestHandler {
  return (request, response, next) => {
    const title = titles[`${request.method} ${request.path}`]
    if (title === undefined) return next()
    const begins = request.path === '/bank/login'
    tell({ from: 'browser', to: 'app', title, detail: detailOf(request), tone: 'plain', counted: !begins, begins })
    response.on('finish', () => {
      const step = answerOf(request, response)
      if (step !== undefined) tell(step)
    })
    next()
  }
}

const titles: Readonly<Record<string, string>> = {
  'GET /bank/login': 'A login is wanted',
  'GET /bank/callback': 'The browser is back',
  'POST /bank/callback': 'The answer is handed in',
  'GET /bank/accounts': 'Accounts are wanted',
  'POST /bank/logout': 'Logout',
}

function detailOf({ method, path, headers }: Request): string {
  if (path === '/bank/callback')
    return method === 'GET'
      ? 'what stands after # never reaches a server: a small page sends it on'
      : `${method} ${path}, what stood after #`
  const withCookie = headers.cookie?.includes('grantkit-session-') === true
  return `${method} ${path}${withCookie ? ', session cookie' : ''}`
}

function answerOf({ method, path }: Request, response: Response): NewStep | undefined {
  const status = response.statusCode
  const location = response.get('Location')
  const answered = { from: 'app', to: 'browser', outcome: String(status) } as const
  if (location !== undefined && path === '/bank/login')
    return { ...answered, title: 'Redirect to the bank', detail: queryNamesOf(location), tone: 'plain' }
  // a page sends the browser on there: what was posted may not be answered by a redirect
  if (status < 400 && method === 'POST' && path === '/bank/callback')
    return { ...answered, title: 'A session begins', detail: 'sealed cookie; it holds no token', tone: 'good' }
  if (status < 400 && path !== '/bank/logout') return undefined
  if (status < 400) return { ...answered, title: 'The session is over', detail: 'its cookie is cleared', tone: 'good' }
  const title = path === '/bank/callback' ? 'No login came of it' : 'Refused'
  return { ...answered, title, detail: 'a page says why', tone: toneOf(status) }
}

function queryNamesOf(url: string): string {
  return namesIn(new URL(url).searchParams)
}
