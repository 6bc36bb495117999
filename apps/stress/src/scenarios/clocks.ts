/** One process's clock is half a minute ahead, another's half a minute behind: still one redemption, and no loss. */
import { Evidence } from '../evidence.js'
import { exactly, information, type Result } from '../figure.js'
import { startScene } from '../scene.js'
import { application, runFor, type ScenarioOptions, setting, startWorkers, usersUndisturbed } from './scenario.js'

/** By the wrong clocks a token of this life is old as soon as it comes, or over, or from the future. */
const lives = {
  accessTokenSeconds: 40,
  mostDelayMs: 300,
  timeoutMs: 10_000,
  thresholds: { refreshBeforeMs: 20_000, expiryMarginMs: 800 },
}

const aheadMs = [30_000, -30_000]

export async function clocks(options: ScenarioOptions): Promise<readonly Result[]> {
  const evidence = new Evidence()
  await using scene = await startScene({ ...options, ...lives, onReport: evidence.take })
  const start = (index: number) => scene.startWorker({ clockAheadMs: aheadMs[index] ?? 0 })
  const ended = await runFor(await startWorkers(options.processes, start), options.seconds)
  const { requests, refused } = await application(scene, evidence)
  return [
    {
      scenario: 'clocks',
      setting: `${setting(options)}, one process 30 s ahead, one 30 s behind`,
      figures: [
        ...(await usersUndisturbed(scene, evidence, ended)),
        information('application token: requests', requests),
        exactly(0, 'application token: API calls refused for good', refused),
      ],
    },
  ]
}
