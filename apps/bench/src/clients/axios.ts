/** axios, over the network or with an adapter that answers at once. */
import { Agent } from 'node:http'
import { attachTokenSource } from '@grantkit/axios'
import axios, { type AxiosInstance } from 'axios'
import { type Client, nowhere, type Send } from './client.js'

export const axiosAtOnce = clientOf(() =>
  axios.create({
    baseURL: nowhere,
    adapter: async config => ({ data: '', status: 200, statusText: 'OK', headers: {}, config }),
  }),
)

export function axiosTo(origin: string): Client {
  return clientOf(() => axios.create({ baseURL: origin, httpAgent: new Agent({ keepAlive: true }) }))
}

function clientOf(make: () => AxiosInstance): Client {
  return {
    bare: () => sending(make()),
    synchronous(authorization) {
      const instance = make()
      const setHeader: OnRequest = config => {
        config.headers.set('authorization', authorization())
        return config
      }
      instance.interceptors.request.use(setHeader, null, { synchronous: true })
      return sending(instance)
    },
    asynchronous(authorization) {
      const instance = make()
      instance.interceptors.request.use(async config => {
        config.headers.set('authorization', await authorization())
        return config
      })
      return sending(instance)
    },
    grantKit(source) {
      const instance = make()
      attachTokenSource(instance, source)
      return sending(instance)
    },
  }
}

type OnRequest = NonNullable<Parameters<AxiosInstance['interceptors']['request']['use']>[0]>

function sending(instance: AxiosInstance): Send {
  return () => instance.get('/accounts/1')
}
