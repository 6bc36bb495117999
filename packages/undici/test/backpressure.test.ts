/** What is beneath is held up as long as nobody takes what it brings. */
import { expect, test } from 'vitest'
import type { Send } from '../src/attempt.js'
import { Exchange } from '../src/exchange.js'
import type { Controller, Handler } from '../src/handler.js'

/** An undici that does what the test says, and records how it is steered. */
function beneath() {
  const steered: string[] = []
  const controller: Controller = {
    paused: false,
    aborted: false,
    reason: null,
    pause: () => void steered.push('pause'),
    resume: () => void steered.push('resume'),
    abort: () => void steered.push('abort'),
  }
  return { controller, steered }
}

function begin(handler: Handler) {
  const { controller, steered } = beneath()
  let decide: (send: Send | undefined) => void = () => {}
  const decided = new Promise<Send | undefined>(resolve => {
    decide = resolve
  })
  const exchange = new Exchange(
    { onRequestStart() {}, ...handler },
    { concerns: ({ status }) => status === 401, decide: () => decided, ending: () => () => {} },
  )
  let attempt: Handler = {}
  exchange.send(handler => {
    attempt = handler
    return true
  })
  attempt.onRequestStart?.(controller, undefined)
  attempt.onResponseStart?.(controller, 401, {})
  return { exchange, attempt, controller, steered, decide, decided }
}

const kibibytes = (count: number) => Buffer.alloc(count * 1024)

test('until the beginning is there nothing is held up', () => {
  const { attempt, controller, steered } = begin({})
  attempt.onResponseData?.(controller, kibibytes(63))
  expect(steered).toEqual([])
})

test('while it is decided, the rest has to wait', async () => {
  const { attempt, controller, steered, decide, decided } = begin({})
  attempt.onResponseData?.(controller, kibibytes(64))
  expect(steered).toEqual(['pause'])
  decide(undefined)
  await decided
  expect(steered).toEqual(['pause', 'resume'])
})

test('a handler that pauses at the head of a held answer holds up the rest', async () => {
  const seen: string[] = []
  const { exchange, attempt, controller, steered, decide, decided } = begin({
    onResponseStart(controller) {
      seen.push('head')
      controller.pause()
    },
    onResponseData: (_, chunk) => void seen.push(`${chunk.length}`),
  })
  attempt.onResponseData?.(controller, kibibytes(64))
  decide(undefined)
  await decided
  expect([seen, steered.includes('resume')]).toEqual([['head'], false])
  exchange.resume()
  expect([seen, steered.at(-1)]).toEqual([['head', '65536'], 'resume'])
})

test('a handler that pauses before the answer is there is given none of it before it resumes', async () => {
  const seen: string[] = []
  const { exchange, attempt, controller, decide, decided } = begin({
    onRequestStart: controller => controller.pause(),
    onResponseStart: () => void seen.push('head'),
  })
  attempt.onResponseData?.(controller, kibibytes(64))
  decide(undefined)
  await decided
  expect(seen).toEqual([])
  exchange.resume()
  expect(seen).toEqual(['head'])
})

test('what is handed on in a pause comes in order when it ends', async () => {
  const seen: string[] = []
  const { exchange, attempt, controller, decide, decided } = begin({
    onResponseStart: controller => controller.pause(),
    onResponseData: (_, chunk) => void seen.push(`${chunk.length}`),
    onResponseEnd: () => void seen.push('end'),
  })
  attempt.onResponseData?.(controller, kibibytes(64))
  decide(undefined)
  await decided
  attempt.onResponseData?.(controller, kibibytes(1))
  attempt.onResponseEnd?.(controller, {})
  expect(seen).toEqual([])
  exchange.resume()
  expect(seen).toEqual(['65536', '1024', 'end'])
})

test('an abort in a pause fails the request once', async () => {
  const errors: unknown[] = []
  const { exchange, attempt, controller, decide, decided } = begin({
    onResponseStart: controller => controller.pause(),
    onResponseError: (_, error) => void errors.push(error),
  })
  attempt.onResponseEnd?.(controller, {})
  decide(undefined)
  await decided
  const reason = new Error('enough')
  exchange.abort(reason)
  exchange.abort(new Error('again'))
  exchange.resume()
  expect(errors).toEqual([reason])
})

test('an abort without a reason has one that undici users know', () => {
  const errors: unknown[] = []
  const exchange = new Exchange(
    { onRequestStart() {}, onResponseError: (_: unknown, error: unknown) => void errors.push(error) },
    { concerns: () => false, decide: async () => undefined, ending: () => () => {} },
  )
  exchange.abort()
  expect(errors).toMatchObject([{ name: 'AbortError', code: 'UND_ERR_ABORTED' }])
  expect(exchange.signal.aborted).toBe(true)
})
