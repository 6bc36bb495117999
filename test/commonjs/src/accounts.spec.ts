import { clientCredentials, createTokenSource, isGrantKitError, OriginError } from '@grantkit/core'
import { parseOrigins } from '@grantkit/core/kit'
import { tokenErrors } from '@grantkit/express'
import { answers } from './answers'
import { startBank } from './bank'

test('a token is obtained and sent', async () => {
  expect(await answers(200, ['by-axios', 'by-fetch'])).toEqual(['200 {"accounts":2}', '200 {"accounts":2}'])
})

test('refused credentials are 500 to the caller of a Nest application', async () => {
  const refused = '500 {"statusCode":500,"message":"Internal server error"}'
  expect(await answers(401, ['by-axios', 'by-fetch'])).toEqual([refused, refused])
})

test('an error is told apart', async () => {
  const bank = await startBank(401)
  const tokens = createTokenSource({ client: bank.client, grant: clientCredentials() })
  const error = await tokens.getTokenSet().catch((error: unknown) => error)
  expect(isGrantKitError(error)).toBe(true)
  expect(error).toMatchObject({ code: 'ERR_SERVER_REFUSED', serverStatus: 401 })
  expect(tokenErrors()).toBeInstanceOf(Function)
  await bank.stop()
})

test('what authors of packages import is the same program', () => {
  const elsewhere = () => parseOrigins(['https://api.example.com']).check('https://elsewhere.example.com')
  expect(elsewhere).toThrow(OriginError)
})
