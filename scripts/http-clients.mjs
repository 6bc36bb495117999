/**
 * `node scripts/http-clients.mjs`: runs the HTTP client contract on every client and writes docs/http-clients.md.
 * A package takes part by its test/contract-clients.ts. Node 22.19 or later has all clients.
 */
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { createViteServer } from 'vitest/node'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Every package with a test/contract-clients.ts, as paths from the root. */
export function contractClientModules() {
  return readdirSync(`${root}packages`)
    .map(folder => `packages/${folder}/test/contract-clients.ts`)
    .filter(path => existsSync(root + path))
}

/**
 * The table of a chapter: case × client.
 *
 * @param {readonly string[]} names of the cases
 * @param {Readonly<Record<string, { readonly cannot?: Readonly<Record<string, string>> | undefined }>>} clients
 * @param {readonly string[]} reasons all there are; a cell has the number of its own
 */
export function caseTable(names, clients, reasons) {
  const cell = (name, { cannot = {} }) => (name in cannot ? `– (${reasons.indexOf(cannot[name]) + 1})` : '✓')
  return table(names, clients, cell)
}

/** Why some clients cannot pass some cases, each reason once. */
export function reasonsOf(clients) {
  return [...new Set(Object.values(clients).flatMap(({ cannot = {} }) => Object.values(cannot)))]
}

function table(names, clients, cell) {
  const row = cells => `| ${cells.join(' | ')} |`
  return [
    row(['case', ...Object.keys(clients)]),
    row(['---', ...Object.keys(clients).map(() => ':-:')]),
    ...names.map(name => row([name, ...Object.values(clients).map(client => cell(name, client))])),
  ].join('\n')
}

async function main() {
  const vite = await startVite()
  const { httpClientContract } = await vite.ssrLoadModule('@grantkit/testing')
  const clients = {}
  for (const path of contractClientModules())
    Object.assign(clients, (await vite.ssrLoadModule(`/${path}`)).contractClients)
  const failures = []
  const traffic = {}
  for (const [client, setup] of Object.entries(clients)) {
    traffic[client] = {}
    const onForeignTraffic = seen => {
      traffic[client][seen.name] = seen
    }
    for (const { name, run } of httpClientContract({ ...setup, onForeignTraffic }))
      await run().catch(error => failures.push(`${client}: ${name}: ${error.message}`))
    console.log(`${client}: done`)
  }
  await vite.close()
  if (failures.length > 0) throw new Error(`not written, since these cases failed:\n${failures.join('\n')}`)
  const anyClient = Object.values(clients)[0]
  const cases = httpClientContract({ create: anyClient.create })
  writeFileSync(`${root}docs/http-clients.md`, pageOf(cases, clients, traffic))
}

/** As vitest loads tests: on `src`, through the private condition. */
function startVite() {
  const conditions = ['@grantkit/source', 'module', 'node']
  return createViteServer({
    root,
    configFile: false,
    appType: 'custom',
    logLevel: 'error',
    server: { middlewareMode: true, hmr: false, ws: false, watch: null },
    optimizeDeps: { noDiscovery: true, include: [] },
    resolve: { conditions },
    ssr: { resolve: { conditions } },
  })
}

function pageOf(cases, clients, traffic) {
  const reasons = reasonsOf(clients)
  const chapters = [...new Set(cases.map(({ about }) => about))]
  const namesOf = about => cases.filter(one => one.about === about).map(({ name }) => name)
  const leaks = cases.map(({ name }) => name).filter(name => Object.values(traffic).some(seen => name in seen))
  const all = Object.values(traffic).flatMap(seen => Object.values(seen))
  const total = member => all.reduce((sum, seen) => sum + seen[member], 0).toLocaleString('en')
  const bytesFor = client => name => {
    const seen = traffic[client][name]
    return seen === undefined ? '–' : `${seen.bytesOfOurs} of ${seen.bytes}`
  }
  return `${[
    '# HTTP clients: what each does with tokens attached',
    `What the contract for HTTP clients asks, and what each client does. Written by \`node scripts/http-clients.mjs\` from
a run on Node ${process.versions.node.split('.')[0]} on real servers; nothing is written unless every case passes. \`test/http-clients-doc.test.ts\` checks
that cases and clients are those of today, and each package's \`test/contract.test.ts\` that the cases pass.
The cases are in [\`@grantkit/testing\`](../packages/testing).`,
    `✓ passes · – cannot: ${reasons.map((reason, index) => `(${index + 1}) ${reason}`).join('; ')}.`,
    ...chapters.flatMap(about => [`## ${about}`, caseTable(namesOf(about), clients, reasons)]),
    '## Bytes seen by servers of other origins',
    `Every case in which a server of another origin takes part. Servers keep each byte they receive, decrypted. A cell says
how many of them belong to what we add (a bearer token, a header the provider wants, a secret anywhere) out of how many.
In all ${total('requests')} requests and ${total('bytes')} bytes, ${total('bytesOfOurs')} bytes of ours, on
connections with ${total('certificates')} client certificates. "0 of 0": nothing arrived.`,
    table(
      leaks,
      mapValues(clients, client => bytesFor(client)),
      (name, bytes) => bytes(name),
    ),
  ].join('\n\n')}\n`
}

function mapValues(object, map) {
  return Object.fromEntries(Object.keys(object).map(name => [name, map(name)]))
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  main().then(
    () => process.exit(0),
    error => {
      console.error(error)
      process.exit(1)
    },
  )
