/** Tokens expire again and again, everybody wants the next one, and each refresh token is redeemed once. */
import { Evidence, quantile } from '../evidence.js'
import { atLeast, exactly, type Figure, information, type Result } from '../figure.js'
import { type Scene, startScene } from '../scene.js'
import {
  application,
  runFor,
  type ScenarioOptions,
  setting,
  shortLived,
  startWorkers,
  usersUndisturbed,
} from './scenario.js'

/** Twice: with the store's notice of changes, and finding them by asking alone. */
export async function steady(options: ScenarioOptions): Promise<readonly Result[]> {
  return [await run(options, true), await run(options, false)]
}

async function run(options: ScenarioOptions, watches: boolean): Promise<Result> {
  const evidence = new Evidence()
  await using scene = await startScene({ ...shortLived, ...options, onReport: evidence.take })
  const workers = await startWorkers(options.processes, () => scene.startWorker({ watches }))
  const ended = await runFor(workers, options.seconds)
  return {
    scenario: 'steady',
    setting: `${setting(options)}, ${watches ? 'told of changes' : 'asking for changes'}`,
    figures: [
      ...(await usersUndisturbed(scene, evidence, ended)),
      ...(await applicationUndisturbed(scene, evidence)),
      ...latency(evidence),
    ],
  }
}

async function applicationUndisturbed(scene: Scene, evidence: Evidence): Promise<Figure[]> {
  const { requests, requestsPerExpiry, refused } = await application(scene, evidence)
  return [
    atLeast(2, 'application token: requests', requests),
    exactly(1, 'application token: requests per expiry', requestsPerExpiry),
    exactly(0, 'application token: API calls refused for good', refused),
  ]
}

function latency(evidence: Evidence): Figure[] {
  const latencies = evidence.extraLatencies()
  const ms = (share: number) => `${quantile(latencies, share).toFixed(1)} ms`
  return [
    information('callers that waited for another process', latencies.length),
    information('their extra latency, median', ms(0.5)),
    information('their extra latency, p99', ms(0.99)),
  ]
}
