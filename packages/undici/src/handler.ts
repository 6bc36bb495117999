/** undici's handlers and what they steer by, by shape: as 7 and 8 call them. */
import type { Dispatcher } from 'undici'

/** Steers a request under way. */
export type Controller = Dispatcher.DispatchController

/** A handler as undici 7 and 8 call it, whose type leaves one event out. */
export interface Handler extends Dispatcher.DispatchHandler {
  onRequestSent?(): void
}

/** Names and values in turn, as they came. */
export type RawHeaders = NonNullable<Controller['rawHeaders']> | null

/** By lower-case name. */
export type AnswerHeaders = Parameters<NonNullable<Handler['onResponseStart']>>[2]
