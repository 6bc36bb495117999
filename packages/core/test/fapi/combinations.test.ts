/**
 * FAPI 1.0 Advanced and FAPI 2.0 in all their combinations, at an authorization server we did not write. Here with the
 * algorithm that both allow and banks prefer; with the others in `combinations.heavy.test.ts`.
 */
import { afterAll, beforeAll, describe, test } from 'vitest'
import { fapi1Advanced, fapi2, nameOf, registered } from './combinations.js'
import { journey } from './journey.js'
import { type Bank, startBank } from './server.js'

const byPs256 = { 'FAPI 1.0 Advanced': fapi1Advanced('PS256'), 'FAPI 2.0': fapi2('PS256') }

let bank: Bank

beforeAll(async () => {
  bank = await startBank(Object.values(byPs256).flat().map(registered))
})
afterAll(() => bank.close())

describe.each(Object.entries(byPs256))('%s', (_, combinations) => {
  test.each(combinations.map(combination => [nameOf(combination), combination] as const))('%s', (_, combination) =>
    journey(bank, combination),
  )
})
