/**
 * A program that holds the tokens of many users and is then to hold none: started by `heap.test.ts`, which has the
 * authorization server, so that what stands in this heap came over the wire. Prints what a subject costs, in bytes.
 */
import { writeHeapSnapshot } from 'node:v8'

const [, , core, url, how, snapshot] = process.argv
const {
  authorizationCode,
  clientCredentials,
  createClient,
  createTokenSource,
  createUserTokenSources,
  defineProvider,
  memoryStore,
} = await import(core)

const provider = defineProvider({ name: 'local', metadata: { issuer: url, token_endpoint: url } })
const client = createClient({ provider, clientId: 'client-1', clientSecret: 'secret', transport: { proxy: false } })
const subjects = Array.from({ length: 300 }, (_, index) => `user ${index}`)

async function settled() {
  for (let round = 0; round < 5; round++) {
    await new Promise(setImmediate)
    globalThis.gc()
  }
  return process.memoryUsage().heapUsed
}

/** Each view is kept, as a program might: what it has seen must go too. */
async function logIn(users, subject) {
  const user = users.for(subject)
  await user.redeem(authorizationCode({ code: 'code-1' }))
  const { accessToken } = await user.getTokenSet()
  await user.getTokenSet({ rejected: accessToken })
  await user.getTokenSet()
  return user
}

const store = how === 'forgotten in a store' ? { ...memoryStore(), secrecy: 'elsewhere' } : undefined
const users = createUserTokenSources({ client, store })
const source = createTokenSource({ client, grant: clientCredentials(), store })
// what is loaded, compiled and learnt about the code by the first is nobody's
for (let index = 0; index < 300; index++) await (await logIn(users, `first ${index}`)).forget()
const before = await settled()
const views = []
// one after the other, over one connection
for (const subject of subjects) views.push(await logIn(users, subject))
await source.getTokenSet()
if (how === 'closed') await Promise.all([users.close(), source.close()])
else await Promise.all([...views, source].map(one => one.forget()))
views.length = 0
console.log(Math.round(((await settled()) - before) / subjects.length))
writeHeapSnapshot(snapshot)
await client.close()
