/**
 * For comparison: the load of `steady` on processes that each hold tokens of their own, as with libraries that have no
 * store, or one without compare-and-set and lease. It shows what the server does with that; nothing is required of it.
 */
import { Evidence } from '../evidence.js'
import { information, type Result } from '../figure.js'
import { startScene } from '../scene.js'
import { application, named, runFor, type ScenarioOptions, setting, shortLived, startWorkers } from './scenario.js'

export async function reference(options: ScenarioOptions): Promise<readonly Result[]> {
  const evidence = new Evidence()
  await using scene = await startScene({ ...shortLived, ...options, onReport: evidence.take })
  const { calls } = await runFor(
    await startWorkers(options.processes, () => scene.startWorker({ shares: false })),
    options.seconds,
  )
  const { ledger } = await scene.servers.call('summary')
  const { requests, requestsPerExpiry, refused } = await application(scene, evidence)
  const failures = named(
    'failed calls',
    evidence.failed.map(({ code }) => code),
  )
  return [
    {
      scenario: 'reference',
      setting: `${setting(options)}, each process with tokens of its own, no store`,
      figures: [
        information('calls for a token', calls),
        information('refresh tokens redeemed', ledger.redeemed),
        information('redemptions per refresh token', ledger.redemptions / ledger.redeemed),
        information('revoked families', ledger.revokedFamilies),
        information(failures, evidence.failed.length),
        information('application token: requests', requests),
        information('application token: requests per expiry', requestsPerExpiry),
        information('application token: API calls refused for good', refused),
      ],
    },
  ]
}
