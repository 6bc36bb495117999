/** Errors as a program meets them: `npm run typecheck` compiles this, nothing runs it. */
import { expectTypeOf } from 'vitest'
import {
  AuthorizationServerError,
  type GrantKitError,
  isGrantKitError,
  type LoginReason,
  LoginRequiredError,
  type RefusalKind,
} from '../../src/index.js'
import { optionError } from '../../src/kit.js'

declare const error: unknown

// @ts-expect-error nothing is known of what was caught
error.code

// whatever it is, it has what all of them have
if (isGrantKitError(error)) {
  expectTypeOf(error).toExtend<GrantKitError>()
  expectTypeOf(error.retryable).toEqualTypeOf<boolean>()
  expectTypeOf(error.neverSent).toEqualTypeOf<boolean>()
  expectTypeOf(error.retryAfterMs).toEqualTypeOf<number | undefined>()
  expectTypeOf(error.provider).toEqualTypeOf<string | undefined>()

  // @ts-expect-error only some of them are about a user
  error.subject
  // @ts-expect-error there is no such code
  error.code === 'ERR_LOGIN'
  // @ts-expect-error what happened stays as it is
  error.retryable = true
}

// `code` says which one it is, and what that carries
if (isGrantKitError(error))
  switch (error.code) {
    case 'ERR_SERVER_REFUSED':
      expectTypeOf(error.kind).toEqualTypeOf<RefusalKind>()
      expectTypeOf(error.serverStatus).toEqualTypeOf<number>()
      expectTypeOf(error.error).toEqualTypeOf<string | undefined>()
      // @ts-expect-error web frameworks would take it for the answer to their own caller
      error.status
      break
    case 'ERR_AUTHORIZATION_REFUSED':
      expectTypeOf(error.kind).toEqualTypeOf<RefusalKind>()
      expectTypeOf(error.error).toEqualTypeOf<string | undefined>()
      break
    case 'ERR_LOGIN_REQUIRED':
      expectTypeOf(error.subject).toEqualTypeOf<string | undefined>()
      expectTypeOf(error.reason).toEqualTypeOf<LoginReason | undefined>()
      break
    case 'ERR_TOKEN_RESPONSE':
      expectTypeOf(error.serverStatus).toEqualTypeOf<number | undefined>()
      break
    case 'ERR_TOKEN_STORE':
      expectTypeOf(error.operation).toEqualTypeOf<string>()
      break
    case 'ERR_ORIGIN':
      expectTypeOf(error.origin).toEqualTypeOf<string | undefined>()
      break
    case 'ERR_VALIDATION':
      expectTypeOf(error.check).toEqualTypeOf<string>()
      break
    case 'ERR_TRANSPORT':
    case 'ERR_TRANSPORT_TIMEOUT':
    case 'ERR_TRANSPORT_TLS':
    case 'ERR_TRANSPORT_CLOSED':
    case 'ERR_CLIENT_AUTHENTICATION':
    case 'ERR_GRANT':
    case 'ERR_REQUEST_OBJECT':
    case 'ERR_CLOSED':
      expectTypeOf(error.cause).toEqualTypeOf<unknown>()
      break
    default:
      // every code has been named
      expectTypeOf(error).toBeNever()
  }

// a class narrows as well
if (error instanceof LoginRequiredError) expectTypeOf(error.code).toEqualTypeOf<'ERR_LOGIN_REQUIRED'>()

// a wrong option is a `TypeError` that names it
expectTypeOf(optionError('tls.ca', 'must be PEM')).toExtend<TypeError>()
expectTypeOf(optionError('tls.ca', 'must be PEM').code).toEqualTypeOf<'ERR_OPTION'>()
expectTypeOf(optionError('tls.ca', 'must be PEM').option).toEqualTypeOf<string>()

// @ts-expect-error a refusal has a kind
new AuthorizationServerError({ serverStatus: 400 })
