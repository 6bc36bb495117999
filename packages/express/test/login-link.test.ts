import { randomBytes } from 'node:crypto'
import { createSeal } from '@grantkit/core/kit'
import { describe, expect, test } from 'vitest'
import { openWanted, sealWanted } from '../src/login/login-link.js'
import { wantedOf } from '../src/login/step-up.js'

describe('what a link asks for', () => {
  const key = { id: '1', key: randomBytes(32) }
  const wanted = wantedOf('loginUrl', { scope: 'payments', acrValues: 'strong', maxAgeSeconds: 60, loginHint: 'ann' })

  test('comes out as it went in, for an hour, and of an old key too', async () => {
    const sealed = await sealWanted(createSeal([key]), 'app-1', wanted, 5)
    const rotated = createSeal([{ id: '2', key: randomBytes(32) }, key])

    expect(sealed).not.toContain('payments')
    expect(await openWanted(rotated, 'app-1', sealed, 5)).toEqual(wanted)
    expect(await openWanted(rotated, 'app-1', sealed, 5 + 3_599_999)).toEqual(wanted)
    expect(await openWanted(rotated, 'app-1', sealed, 5 + 3_600_000)).toEqual({})
  })

  test('is nothing where nothing is wanted', async () => {
    const seal = createSeal([key])

    expect(await sealWanted(seal, 'app-1', {}, 0)).toBeUndefined()
    expect(await openWanted(seal, 'app-1', undefined, 0)).toEqual({})
  })

  test('is refused where this app has not sealed it', async () => {
    const seal = createSeal([key])
    const sealed = (await sealWanted(seal, 'app-1', wanted, 0)) as string
    const elsewhere = await seal.seal({ wanted: {} }, { typ: 'grantkit-session', app: 'app-1' })

    for (const wrong of ['', 'payments', `${sealed}x`, sealed.replace(/.$/, ''), elsewhere])
      await expect(openWanted(seal, 'app-1', wrong, 0)).rejects.toMatchObject({ check: 'login_link' })
    await expect(openWanted(seal, 'app-2', sealed, 0)).rejects.toMatchObject({ check: 'login_link' })
    await expect(openWanted(createSeal([{ ...key, id: '3' }]), 'app-1', sealed, 0)).rejects.toMatchObject({
      check: 'login_link',
    })
  })
})
