import { authorizationServer } from '@grantkit/testing'
import got from 'got'
import got15 from 'got-15'
import got16 from 'got-16'
import lowest from 'got-lowest'
import { expect, test } from 'vitest'
import { tokenHooks } from '../src/index.js'

test('every got takes the hooks, and keeps its types', async () => {
  const origins = ['https://api.example']
  const { source } = authorizationServer()
  const hooks = tokenHooks(source, { origins })
  const byContext = tokenHooks(({ context }) => (context.user === 'ann' ? source : Promise.resolve(source)), {
    origins,
  })
  const apis = [
    got.extend(hooks, byContext),
    got15.extend(hooks, byContext),
    got16.extend(hooks, byContext),
    lowest.extend(hooks, byContext),
  ]
  const typed = () => [
    apis[0]?.get('').json<{ id: string }>() satisfies Promise<{ id: string }> | undefined,
    got.extend({ responseType: 'text' }, hooks)('') satisfies Promise<{ body: string }>,
    got16.extend({ responseType: 'text' }, hooks)('') satisfies Promise<{ body: string }>,
  ]
  expect([apis.length, typeof typed]).toEqual([4, 'function'])
})
