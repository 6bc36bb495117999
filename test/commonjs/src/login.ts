/** A Nest application with a login: what is wrong with it is answered by `tokenErrors()`, as an exception filter. */
import 'reflect-metadata'
import type { AddressInfo } from 'node:net'
import { createClient, defineProvider } from '@grantkit/core'
import { grantkit, tokenErrors, userOf } from '@grantkit/express'
import { type ArgumentsHost, Catch, Controller, Get, Module, Req } from '@nestjs/common'
import { BaseExceptionFilter, HttpAdapterHost, NestFactory } from '@nestjs/core'

@Controller()
class UserController {
  @Get('me')
  me(@Req() request: Express.Request) {
    return userOf(request).claims
  }

  @Get('broken')
  broken() {
    throw new Error('of the app')
  }
}

@Module({ controllers: [UserController] })
class LoginModule {}

const answer = tokenErrors()

@Catch()
class TokenErrors extends BaseExceptionFilter {
  override catch(error: unknown, host: ArgumentsHost) {
    const http = host.switchToHttp()
    answer(error, http.getRequest(), http.getResponse(), others => super.catch(others, host))
  }
}

const client = createClient({
  provider: defineProvider({
    name: 'login',
    metadata: {
      issuer: 'https://login.example',
      authorization_endpoint: 'https://login.example/authorize',
      token_endpoint: 'https://login.example/token',
    },
  }),
  clientId: 'app',
  clientSecret: 'not-to-be-shown',
})

/** What callers get who have not logged in, by path: the status, and the body or where it leads. */
export async function loginAnswers(paths: readonly string[]): Promise<string[]> {
  const app = await NestFactory.create(LoginModule, { logger: false })
  const keys = [{ id: '2026-11', key: Buffer.alloc(32, 1) }]
  app.use(grantkit({ client, redirectUri: 'https://app.example/callback', keys, paths: { logout: false } }))
  app.useGlobalFilters(new TokenErrors(app.get(HttpAdapterHost).httpAdapter))
  await app.listen(0, '127.0.0.1')
  const { port } = app.getHttpServer().address() as AddressInfo
  const texts: string[] = []
  for (const path of paths) {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { redirect: 'manual' })
    const location = response.headers.get('location')
    texts.push(`${response.status} ${location === null ? await response.text() : new URL(location).pathname}`)
  }
  await app.close()
  return texts
}

/** What they are to get: a login, our answers, and Nest's own. */
export const expectedAnswers = {
  '/me': '401 {"error":"ERR_LOGIN_REQUIRED","loginUrl":"https://app.example/login?returnTo=%2F"}',
  '/callback?code=made-up&state=made-up': '400 {"error":"ERR_VALIDATION"}',
  '/broken': '500 {"statusCode":500,"message":"Internal server error"}',
}
