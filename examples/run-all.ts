/** Runs every example as its own process against the sandbox, as a user would run it: by environment variables. */
import { type ChildProcess, execFile } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { get as httpGet, type IncomingMessage } from 'node:http'
import { get as httpsGet } from 'node:https'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { signer } from '@grantkit/core'
import { startSandbox } from '@grantkit/sandbox'

const folder = await mkdtemp(join(tmpdir(), 'grantkit-examples-'))
const sandbox = await startSandbox()
const { wso2ApiManager: bank, wso2IdentityServer, wso2Apk: apk, coreBanking, fiservCiam, openid } = sandbox
openid.settings.authMethod = 'private_key_jwt'

async function file(name: string, content: string): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, content, { mode: 0o600 })
  return path
}

const caFile = await file('ca.pem', sandbox.ca)
const openBanking = {
  TOKEN_ENDPOINT: bank.tokenEndpoint,
  CLIENT_ID: bank.clientId,
  KID: bank.kid,
  REDIRECT_URI: bank.redirectUri,
  API_URL: bank.apiUrl,
  CONSENTS_URL: bank.consentsUrl,
  SIGNING_KEY_FILE: await file('signing.key', bank.signingKey),
  CERTIFICATE_FILE: await file('transport.pem', bank.certificate.cert),
  CERTIFICATE_KEY_FILE: await file('transport.key', bank.certificate.key),
}
const sharing = {
  TOKEN_ENDPOINT: fiservCiam.tokenEndpoint,
  CLIENT_ID: fiservCiam.clientId,
  CLIENT_SECRET: fiservCiam.clientSecret,
  API_URL: fiservCiam.apiUrl,
  TOKENS_DIRECTORY: join(folder, 'tokens'),
  SEALING_KEY: randomBytes(32).toString('base64'),
}
const coreBankingApi = {
  BASE_URL: coreBanking.origin,
  CLIENT_ID: coreBanking.clientId,
  CLIENT_SECRET: coreBanking.clientSecret,
  API_PATH: new URL(coreBanking.apiUrl).pathname,
}
const login = {
  ISSUER: openid.issuer,
  CLIENT_ID: openid.clientId,
  KID: openid.kid,
  SIGNING_KEY_FILE: await file('openid.key', openid.signingKey),
  API_URL: openid.apiUrl,
}
const port = await freePort()
const REDIRECT_URI = `http://127.0.0.1:${port}/callback`
openid.redirectUris.push(REDIRECT_URI)

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}

/** What a platform would put into the file. */
const workloadToken = signer({ key: openid.signingKey, alg: 'PS256', kid: openid.kid }).signJwt(
  {},
  {
    iss: openid.clientId,
    sub: openid.clientId,
    aud: openid.issuer,
    exp: Math.floor(Date.now() / 1000) + 3600,
    jti: randomUUID(),
  },
)
/** By name; what comes after a blank tells two runs of one program apart. */
const examples: Record<string, Record<string, string>> = {
  'application-token': coreBankingApi,
  'by-hand': coreBankingApi,
  'open-banking-accounts': {
    ...openBanking,
    TOKEN_ENDPOINT: wso2IdentityServer.tokenEndpoint,
    ACCOUNTS_URL: bank.apiUrl,
  },
  'register-client': {
    ...openBanking,
    REGISTRATION_ENDPOINT: bank.registrationEndpoint,
    SOFTWARE_ID: bank.softwareId,
    SOFTWARE_STATEMENT: bank.softwareStatement,
  },
  'user-tokens': { ...openBanking, CODE: bank.approve({ clientId: bank.clientId, scope: 'openid accounts' }) },
  'other-address': {
    CLIENT_ID: apk.clientId,
    CLIENT_SECRET: apk.clientSecret,
    GATEWAY_PORT: String(apk.connectTo.port),
    CA_FILE: caFile,
    API_URL: apk.apiUrl,
  },
  'any-client': {
    TOKEN_ENDPOINT: fiservCiam.tokenEndpoint,
    CLIENT_ID: fiservCiam.clientId,
    CLIENT_SECRET: fiservCiam.clientSecret,
    API_URL: fiservCiam.apiUrl,
  },
  'key-in-a-vault': openBanking,
  'device-login': login,
  'express-login': { ...login, REDIRECT_URI, PORT: String(port), COOKIE_KEY: randomBytes(32).toString('base64') },
  'token-exchange': login,
  'workload-identity': { ...login, WORKLOAD_TOKEN_FILE: await file('workload-token', await workloadToken) },
  'shared-tokens': sharing,
  'shared-tokens again': sharing,
}

/** Does in the sandbox's own browser what the example asks somebody at a terminal for. */
function playTheCustomer({ stdout, stdin }: ChildProcess): void {
  let printed = ''
  stdout?.on('data', async (text: string) => {
    printed += text
    const [, url] = /^Open in a browser: (\S+)$/m.exec(printed) ?? []
    if (!printed.endsWith('come back to? ') || url === undefined) return
    printed = '' // asked once
    stdin?.write(`${(await wso2IdentityServer.visit(url)).url}\n`)
  })
}

/** Logs in as a browser does, looks at the accounts, and ends the app. */
function playTheUser(app: ChildProcess): void {
  app.stdout?.once('data', async () => {
    const cookies = new Map<string, string>()
    let url: string | undefined = new URL('/accounts', REDIRECT_URI).href
    let page = ''
    while (url !== undefined) [url, page] = await visit(url, cookies)
    console.log(`express-login: the page of the accounts is ${page}`)
    app.kill()
  })
}

/** Where a page leads, and what it shows. */
async function visit(url: string, cookies: Map<string, string>): Promise<[string | undefined, string]> {
  const headers = { cookie: [...cookies].map(pair => pair.join('=')).join('; '), 'sec-fetch-mode': 'navigate' }
  const request = url.startsWith('https:') ? httpsGet(url, { ca: sandbox.ca }) : httpGet(url, { headers })
  const [answer] = (await once(request, 'response')) as [IncomingMessage]
  for (const set of answer.headers['set-cookie'] ?? []) {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? []
    cookies.set(name, value)
  }
  return [answer.headers.location, Buffer.concat(await answer.toArray()).toString()]
}

try {
  for (const [name, inputs] of Object.entries(examples)) {
    const env = { PATH: process.env.PATH, NODE_EXTRA_CA_CERTS: caFile, ...inputs }
    const program = join(import.meta.dirname, `${name.split(' ')[0]}.js`)
    const running = promisify(execFile)(process.execPath, [program], { env })
    if (name === 'express-login') playTheUser(running.child)
    if (name === 'open-banking-accounts') playTheCustomer(running.child)
    const { stdout } = await running
    const shown = stdout.trim().replaceAll(/\?\S+ *\n/g, '?…\n')
    console.log(`${name}: ${shown.replaceAll('\n', '; ')}`)
  }
} finally {
  await sandbox.stop()
  await rm(folder, { recursive: true })
}
