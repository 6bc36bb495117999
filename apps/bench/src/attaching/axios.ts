/** axios, whose adapter answers at once. */
import { attachTokenSource } from '@grantkit/axios'
import axios, { type AxiosInstance } from 'axios'
import type { Repeat } from '../measure.js'
import type { Client } from './added.js'

export const axiosClient: Client = {
  bare: () => requests(make()),
  synchronous(authorization) {
    const instance = make()
    const setHeader: OnRequest = config => {
      config.headers.set('authorization', authorization())
      return config
    }
    instance.interceptors.request.use(setHeader, null, { synchronous: true })
    return requests(instance)
  },
  asynchronous(authorization) {
    const instance = make()
    instance.interceptors.request.use(async config => {
      config.headers.set('authorization', await authorization())
      return config
    })
    return requests(instance)
  },
  grantKit(source) {
    const instance = make()
    attachTokenSource(instance, source)
    return requests(instance)
  },
}

type OnRequest = NonNullable<Parameters<AxiosInstance['interceptors']['request']['use']>[0]>

function make(): AxiosInstance {
  return axios.create({
    baseURL: 'https://api.example',
    adapter: async config => ({ data: '', status: 200, statusText: 'OK', headers: {}, config }),
  })
}

function requests(instance: AxiosInstance): Repeat {
  return async times => {
    for (let i = 0; i < times; i++) await instance.get('/accounts/1')
  }
}
