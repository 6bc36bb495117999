import type { TokenSource } from '@grantkit/core'
import type { AxiosInstance, AxiosStatic, InternalAxiosRequestConfig } from 'axios'
import type { InternalAxiosRequestConfig as LowestConfig, AxiosStatic as LowestStatic } from 'axios-lowest'
import { describe, expectTypeOf, test } from 'vitest'
import { attachTokenSource } from '../src/index.js'

type Required = typeof import('axios', { with: { 'resolution-mode': 'require' }})

declare const source: TokenSource
declare const newest: { axios: AxiosStatic; instance: AxiosInstance }
declare const required: Required
declare const lowest: LowestStatic

/** Type-checked, and never called. */
function check(_: () => void): void {}

describe('types', () => {
  test('take axios and its instances, newest and lowest, imported and required', () => {
    check(() => {
      attachTokenSource(newest.axios, source)
      attachTokenSource(newest.instance, source)
      attachTokenSource(newest.axios.create(), source)
      attachTokenSource(required, source)
      attachTokenSource(required.create(), source)
      attachTokenSource(lowest, source)
      attachTokenSource(lowest.create(), source)
    })
  })

  test('give the function of a source the config of its own axios', () => {
    check(() => {
      attachTokenSource(newest.instance, config => {
        expectTypeOf(config).toEqualTypeOf<InternalAxiosRequestConfig>()
        return source
      })
      attachTokenSource(lowest.create(), async config => {
        expectTypeOf(config).toEqualTypeOf<LowestConfig>()
        return source
      })
    })
  })

  test('refuse what is no instance, and options that do not exist', () => {
    check(() => {
      // @ts-expect-error: not an instance
      attachTokenSource(fetch, source)
      // @ts-expect-error: not a source
      attachTokenSource(newest.instance, 'token')
      // @ts-expect-error: not an option
      attachTokenSource(newest.instance, source, { origin: 'https://api.example.com' })
    })
  })
})
