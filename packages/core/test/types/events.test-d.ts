/** Events as a listener meets them: `npm run typecheck` compiles this, nothing runs it. */
import { expectTypeOf } from 'vitest'
import type {
  EventListener,
  GrantKitEvent,
  LoginReason,
  RenewalReason,
  TokenEvent,
  TokenReceivedEvent,
} from '../../src/index.js'

declare const event: GrantKitEvent

// every one of them says when, of which server, and for whom it is
expectTypeOf(event).toExtend<TokenEvent>()
expectTypeOf(event.at).toEqualTypeOf<number>()
expectTypeOf(event.provider).toEqualTypeOf<string>()
expectTypeOf(event.level).toEqualTypeOf<'debug' | 'warn' | 'error'>()

// @ts-expect-error not every event is about a user
event.subject
// @ts-expect-error no event holds a token
event.accessToken
// @ts-expect-error an event is not to be changed
event.at = 0
// @ts-expect-error there is no such type
event.type === 'token_refreshed'

// `type` says which one it is
switch (event.type) {
  case 'token_requested':
    expectTypeOf(event.reason).toEqualTypeOf<RenewalReason>()
    break
  case 'token_received':
    expectTypeOf(event.durationMs).toEqualTypeOf<number>()
    expectTypeOf(event.missingScope).toEqualTypeOf<readonly string[]>()
    break
  case 'token_request_failed':
    expectTypeOf(event.retryable).toEqualTypeOf<boolean>()
    expectTypeOf(event.status).toEqualTypeOf<number | undefined>()
    break
  case 'token_awaited':
    expectTypeOf(event.outcome).toEqualTypeOf<'served' | 'failed' | 'aborted'>()
    expectTypeOf(event.requestId).toEqualTypeOf<string | undefined>()
    break
  case 'lease_awaited':
    expectTypeOf(event.granted).toEqualTypeOf<boolean>()
    break
  case 'token_rejected':
    expectTypeOf(event.replayed).toEqualTypeOf<boolean>()
    break
  case 'refresh_token_expiring':
    expectTypeOf(event.expiresAt).toEqualTypeOf<number>()
    break
  case 'scope_narrowed':
    expectTypeOf(event.lostScope).toEqualTypeOf<readonly string[]>()
    break
  case 'login_required':
    expectTypeOf(event.reason).toEqualTypeOf<LoginReason>()
    break
  case 'store_failed':
    expectTypeOf(event.operation).toEqualTypeOf<string>()
    break
  case 'tokens_unsaved':
    expectTypeOf(event.subject).toEqualTypeOf<string>()
    break
  default:
    // every type has been named
    expectTypeOf(event).toBeNever()
}

// by its type an event is found, without its name
expectTypeOf<Extract<GrantKitEvent, TokenEvent<'token_received'>>>().toEqualTypeOf<TokenReceivedEvent>()

// a listener may return anything, and wait for nothing
const counting: EventListener = ({ type }) => counts.push(type)
const counts: string[] = []
expectTypeOf(counting).returns.toBeVoid()
