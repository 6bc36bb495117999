/** Contracts as named cases for any test runner, and a clock moved by hand. */
export { type ManualClock, manualClock } from './manual-clock.js'
