/** The steps of logins at the bank, from lane to lane, as the page draws them: names of parameters, never their values. */
import { createLines, type Kept, type Lines, type Said } from '../app/lines.js'

/** Who sends and receives: the lanes of the drawing, from left to right. */
type Lane = 'browser' | 'app' | 'server' | 'api'

/** One arrow before it is drawn. */
export interface NewStep extends Said {
  readonly from: Lane
  readonly to: Lane
  /** What happens, in the words of the field. */
  readonly title: string
  /** What travels: method and path, or names of parameters. */
  readonly detail: string
  /** What came of it, such as a status. */
  readonly outcome?: string | undefined
  readonly tone: 'plain' | 'good' | 'warn' | 'bad'
  /** Whether a login begins with it. */
  readonly begins?: boolean
}

/** One arrow. */
export type Step = Omit<NewStep, 'counted'> & Kept

export type Steps = Lines<NewStep>

/** @param changed told of each step that is new or was counted up */
export function createSteps(changed: (step: Step) => void): Steps {
  return createLines({ limit: 200, sameBy: ['from', 'to', 'title', 'detail', 'outcome'], changed })
}

/** `code=…, state=…`: what there is, not what it is. Anybody may send anything, so not all of it is shown. */
export function namesIn(parameters: Iterable<readonly [string, string]>): string {
  const names = new Set([...parameters].map(([name]) => `${name.slice(0, mostCharacters)}=…`))
  return [...names].slice(0, mostNames).join(', ')
}

const [mostNames, mostCharacters] = [16, 40]
