/** What a caller of the Nest application gets, while the bank answers the token request with a status. */
import { NestFactory } from '@nestjs/core'
import { accountsModule } from './accounts'
import { startBank } from './bank'

export async function answers(status: number, paths: readonly string[]): Promise<string[]> {
  const bank = await startBank(status)
  const app = await NestFactory.create(accountsModule(bank.client, bank.origin), { logger: false })
  await app.listen(0, '127.0.0.1')
  const url = await app.getUrl()
  const texts: string[] = []
  for (const path of paths) {
    const response = await fetch(`${url}/accounts/${path}`)
    texts.push(`${response.status} ${await response.text()}`)
  }
  await app.close()
  await bank.stop()
  return texts
}
