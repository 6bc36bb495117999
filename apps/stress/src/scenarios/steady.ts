/** Tokens expire again and again, everybody wants the next one, and each refresh token is redeemed once. */
import { Evidence, quantile } from '../evidence.js'
import { type Figure, information, type Result } from '../figure.js'
import { startScene } from '../scene.js'
import { runFor, type ScenarioOptions, setting, shortLived, startWorkers, undisturbed } from './scenario.js'

/** Twice: with the store's notice of changes, and finding them by asking alone. */
export async function steady(options: ScenarioOptions): Promise<readonly Result[]> {
  return [await run(options, true), await run(options, false)]
}

async function run(options: ScenarioOptions, watches: boolean): Promise<Result> {
  const evidence = new Evidence()
  await using scene = await startScene({ ...options, ...shortLived, onReport: evidence.take })
  const workers = await startWorkers(options.processes, () => scene.startWorker({ watches }))
  const ended = await runFor(workers, options.seconds)
  return {
    scenario: 'steady',
    setting: `${setting(options)}, ${watches ? 'told of changes' : 'asking for changes'}`,
    figures: [...(await undisturbed(scene, evidence, ended)), ...latency(evidence)],
  }
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
