/**
 * A vitest reporter for the last lines of `npm test`: what was skipped and why, and one count.
 *
 * A test that needs a program which may be absent says so: `context.skip(!found, 'needs redis-server')`. With
 * GRANTKIT_REQUIRE_SERVICES=1, as in CI, such a skip is a failure.
 *
 * @implements {import('vitest/reporters').Reporter}
 */
export default class TestSummary {
  onTestRunEnd(modules, unhandledErrors) {
    const tests = modules.flatMap(module => [...module.children.allTests()])
    const inState = state => tests.filter(test => test.result().state === state)
    const skipped = inState('skipped')
    for (const test of skipped) {
      console.log(
        `skipped: ${test.module.relativeModuleId} > ${test.fullName}: ${test.result().note || 'no reason given'}`,
      )
    }
    const required = process.env.GRANTKIT_REQUIRE_SERVICES === '1'
    const missing = skipped.filter(test => required && test.result().note?.startsWith('needs '))
    if (missing.length > 0) process.exitCode = 1

    const broken = modules.filter(module => module.errors().length > 0)
    const failed = [...inState('failed'), ...broken, ...unhandledErrors, ...missing].length
    console.log(`${inState('passed').length} passed, ${failed} failed, ${skipped.length} skipped`)
  }
}
