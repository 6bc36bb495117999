/** A Nest module in CommonJS with decorators: one token source, called through axios and through `fetch`. */
import 'reflect-metadata'
import { attachTokenSource } from '@grantkit/axios'
import { type Client, clientCredentials, createTokenSource } from '@grantkit/core'
import { fetchWithTokens } from '@grantkit/undici'
import { Controller, type DynamicModule, Get, Inject, Module } from '@nestjs/common'
import axios, { type AxiosInstance } from 'axios'

@Controller('accounts')
export class AccountsController {
  constructor(
    @Inject('AXIOS') private readonly bank: AxiosInstance,
    @Inject('FETCH') private readonly fetch: typeof globalThis.fetch,
    @Inject('ORIGIN') private readonly origin: string,
  ) {}

  @Get('by-axios')
  async listByAxios(): Promise<unknown> {
    return (await this.bank.get('/accounts')).data
  }

  @Get('by-fetch')
  async listByFetch(): Promise<unknown> {
    return (await this.fetch(`${this.origin}/accounts`)).json()
  }
}

@Module({})
class AccountsModule {}

export function accountsModule(client: Client, origin: string): DynamicModule {
  const tokens = createTokenSource({ client, grant: clientCredentials() })
  const bank = axios.create({ baseURL: origin })
  attachTokenSource(bank, tokens, { origins: [origin] })
  return {
    module: AccountsModule,
    controllers: [AccountsController],
    providers: [
      { provide: 'AXIOS', useValue: bank },
      { provide: 'FETCH', useValue: fetchWithTokens(fetch, tokens, { origins: [origin] }) },
      { provide: 'ORIGIN', useValue: origin },
    ],
  }
}
