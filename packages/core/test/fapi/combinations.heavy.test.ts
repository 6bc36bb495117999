/**
 * FAPI 1.0 Advanced and FAPI 2.0 in all their combinations, at an authorization server we did not write. Here with the
 * algorithms beside PS256, which `combinations.test.ts` has: FAPI 2.0 allows Ed25519 as well.
 */
import { afterAll, beforeAll, describe, test } from 'vitest'
import { fapi1Advanced, fapi2, nameOf, registered } from './combinations.js'
import { journey } from './journey.js'
import { type Bank, startBank } from './server.js'

const byOthers = { 'FAPI 1.0 Advanced': fapi1Advanced('ES256'), 'FAPI 2.0': [...fapi2('ES256'), ...fapi2('EdDSA')] }

let bank: Bank

beforeAll(async () => {
  bank = await startBank(Object.values(byOthers).flat().map(registered))
})
afterAll(() => bank.close())

describe.each(Object.entries(byOthers))('%s', (_, combinations) => {
  test.each(combinations.map(combination => [nameOf(combination), combination] as const))('%s', (_, combination) =>
    journey(bank, combination),
  )
})
