/** The parts of axios that are used: two versions or copies of axios in one tree type-check and work alike. */
import { optionError } from '@grantkit/core/kit'
import axios, { type AxiosResponse, type InternalAxiosRequestConfig } from 'axios'

/** An axios instance: what `axios.create()` returns, or axios itself; any 1.x, from `import` or `require`. */
export interface AxiosLike<Config> {
  /** The instance's own configuration. */
  readonly defaults: { readonly baseURL?: string | undefined }
  /** Where the token comes in. */
  readonly interceptors: {
    readonly request: {
      use(
        onFulfilled: ((config: Config) => unknown) | null | undefined,
        onRejected: null,
        options: { synchronous: boolean },
      ): number
      eject(id: number): void
    }
  }
  /** Joins a request's URL as the instance does. */
  getUri(config?: object): string
}

/** A request as an adapter gets it: joined, transformed, serialised. */
export interface Config extends Omit<InternalAxiosRequestConfig, 'adapter'> {
  adapter?: unknown
  /** axios-cache-interceptor's. */
  cache?: unknown
  id?: string | undefined
}

export type Response = AxiosResponse
export type Adapter = (config: Config) => Promise<Response>

/** What an instance's own copy of axios does for us. */
export interface Workings {
  /** Joins `baseURL` and `url` as this copy's adapters do. */
  readonly join: (config: Config) => string
  /** Hands a config to the adapter it names. What comes back may hold a copy of it. */
  readonly dispatch: Adapter
}

/** What instances have besides, though not every version's types say so; `getAdapter` is there on axios itself alone. */
interface Hidden {
  readonly create?: () => Blank
  readonly getAdapter?: GetAdapter | undefined
}

/** An instance without defaults: what it is given is all it goes by. */
interface Blank {
  readonly defaults: Record<string, unknown>
  getUri(config: object): string
  request(config: object): Promise<Response>
}

type GetAdapter = (adapter: unknown, config: Config) => Adapter

/** @throws TypeError when the instance was not made by axios */
export function workingsOf(instance: AxiosLike<Config>): Workings {
  const { create, interceptors } = Object(instance) as Partial<AxiosLike<Config>> & Hidden
  if (typeof create !== 'function' || typeof interceptors?.request?.use !== 'function')
    throw optionError('instance', 'must be axios itself or come from axios.create()')
  const { getAdapter = getAdapterOf(instance) } = instance as AxiosLike<Config> & Hidden
  const blank = create()
  for (const name of Object.keys(blank.defaults)) delete blank.defaults[name]
  return {
    join({ baseURL, url, allowAbsoluteUrls }) {
      // what every version makes of these two, without the detour
      if (baseURL?.endsWith('/') === false && url?.[0] === '/' && url[1] !== '/') return baseURL + url
      return blank.getUri({ baseURL, url, allowAbsoluteUrls })
    },
    dispatch(config) {
      const { adapter } = config
      if (typeof adapter === 'function') return adapter(config)
      if (getAdapter !== undefined) return getAdapter(adapter, config)(config)
      // CommonJS programs have a copy of their own: it looks its adapter up itself, on a path a little longer
      return blank.request({ ...config, transformRequest: [], transformResponse: [] })
    },
  }
}

/** Found by what both are made of. `undefined` for another copy of axios than the one imported here. */
function getAdapterOf({ interceptors }: AxiosLike<Config>): GetAdapter | undefined {
  const isSameCopy = interceptors.request.constructor === axios.interceptors.request.constructor
  return isSameCopy ? (axios.getAdapter as unknown as GetAdapter) : undefined
}

/** The configs of axios have no prototype, and spreading such an object takes several times as long as this. */
export function copyOf(config: Config): Config {
  const prototype = Object.getPrototypeOf(config)
  return prototype === null ? (new Bare(config) as Config) : Object.assign(Object.create(prototype), config)
}

/** As if it had no prototype: one that really has none takes twice as long to fill, and three times the memory. */
class Bare {
  static {
    Object.setPrototypeOf(Bare.prototype, null)
    Reflect.deleteProperty(Bare.prototype, 'constructor')
  }

  constructor(config: Config) {
    const copy = this as Record<string, unknown>
    for (const name of Object.keys(config)) copy[name] = config[name as keyof Config]
  }
}

/** A copy of headers with more of them, none of which is there yet: nothing has to be looked for or normalised again. */
export function withHeaders(headers: Config['headers'], more: Readonly<Record<string, string>>): Config['headers'] {
  return Object.assign(Object.create(Object.getPrototypeOf(headers)), headers, more)
}
