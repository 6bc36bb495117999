/** Every HTTP client of the app, in the order of its buttons. */
import { attachAxios } from './axios.js'
import { attachFetch } from './fetch.js'
import { attachGot } from './got.js'
import type { Attach } from './http-client.js'
import { attachUndici } from './undici.js'

export const httpClients: readonly Attach[] = [attachAxios, attachGot, attachUndici, attachFetch]
