/** A process that uses the built store: `worker.mjs <command> <directory> <name>`; prints a line for each thing done. */
import { fileStore } from '@grantkit/file-store'

const [command, directory, name] = process.argv.slice(2)
const store = fileStore({ directory })
const say = line => process.stdout.write(`${line}\n`)

const commands = {
  /** Counts up its own number in one record that all share, for ever; says each number once it is kept. */
  async count() {
    for (let number = 1; ; ) {
      const kept = await store.get('counts')
      const counts = { ...JSON.parse(kept?.value ?? '{}'), [name]: number }
      const version = `${name}-${number}-${process.hrtime.bigint()}`
      const record = { version, value: JSON.stringify(counts), keepForMs: undefined }
      if (await store.compareAndSet('counts', kept?.version, record)) say(number++)
    }
  },
  /** Creates, replaces and deletes one record that all share, for ever. */
  async churn() {
    for (let number = 1; ; number++) {
      const kept = await store.get('churned')
      const record = { version: `${name}-${number}`, value: 'x'.repeat(5_000), keepForMs: 60_000 }
      if (kept && kept.value.length !== 5_000) throw new Error('half a record')
      if (kept && number % 2 === 0) await store.delete('churned', kept.version)
      else await store.compareAndSet('churned', kept?.version, record)
    }
  },
  /** Takes a lease for an hour and stays. */
  async hold() {
    say(await store.lease('held', name, 60 * 60 * 1000))
    setInterval(() => {}, 1_000_000)
  },
  /** Watches, and has nothing else to do. */
  async watch() {
    store.watch(() => {})
    say('watching')
  },
  /** Takes a lease that is given back at once, again and again; says from when to when it surely had it. */
  async exclude() {
    for (;;) {
      if (!(await store.lease('excluded', name, 60_000))) continue
      const from = process.hrtime.bigint()
      await new Promise(setImmediate)
      const to = process.hrtime.bigint()
      say(`${from} ${to}`)
      await store.release('excluded', name)
    }
  },
}

await commands[command]()
