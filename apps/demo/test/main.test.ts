import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { type Sandbox, startSandbox } from '@grantkit/sandbox'
import { describe, expect, test } from 'vitest'
import { main } from '../src/main.js'
import { type RowResult, rows, runRow } from '../src/tour.js'

const program = fileURLToPath(new URL('../dist/index.js', import.meta.url))

describe('the tour', () => {
  test.each(rows)('row $row: $system, $grant', async row => {
    await using sandbox = await startSandbox()

    const result = await runRow(row, sandbox)

    expect(result).toMatchObject({ error: null, ok: true, apiStatus: 200, apiStatusAfterExpiry: 200 })
    expect(result.tokenRequests).toHaveLength(2)
  })

  test('renews users’ tokens by their refresh token, without another login', async () => {
    await using sandbox = await startSandbox()
    const users = rows.filter(({ grant }) => grant.includes('refresh_token'))

    for (const row of users) {
      const { tokenRequests } = await runRow(row, sandbox)
      expect(tokenRequests).toEqual(['authorization_code', 'refresh_token'])
    }
    expect(users).toHaveLength(3)
  })

  test('ends the bank’s consent at last, after which the customer has to log in again', async () => {
    await using sandbox = await startSandbox()

    const { ending, apiStatusAfterExpiry } = await runRow(rows[6] as (typeof rows)[number], sandbox)

    expect(apiStatusAfterExpiry).toBe(200)
    expect(ending).toBe('consent deleted: the next call asks for a login')
    const { requests } = sandbox.wso2IdentityServer
    expect(requests.filter(({ kind, method }) => kind === 'authorization' && method === 'POST')).toHaveLength(2)
    expect(requests.filter(({ method }) => method === 'DELETE').map(({ status }) => status)).toEqual([204])
  })

  test('gets an id_token with the application token of row 1, as the documentation shows', async () => {
    await using sandbox = await startSandbox()
    const [first] = rows

    expect((await runRow(first as (typeof rows)[number], sandbox)).idToken).toBe(true)
  })
})

describe('main', () => {
  test('prints one JSON object per row on standard output, all else on standard error, and returns 0', async () => {
    const printed = await run(['--once', '--json'])

    expect(printed.code).toBe(0)
    const results = printed.out
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line) as RowResult)
    expect(results.map(({ row, ok }) => [row, ok])).toEqual([1, 2, 3, 4, 5, 6, 7].map(row => [row, true]))
    expect(printed.err).toContain('7 of 7 rows worked')
  })

  test('returns 1 when a row did not work, says why, and goes on with the others', async () => {
    const printed = await run(['--once'], sandbox => {
      sandbox.coreBanking.fail({ kind: 'status', status: 503 }, { times: 10 })
    })

    expect(printed.code).toBe(1)
    expect(printed.out).toContain('core-banking refused with 503')
    expect(printed.out).toContain('6 of 7 rows worked')
  })

  test('refuses an argument it does not know, and shows those it does', async () => {
    const printed = await run(['--onec'])

    expect(printed.code).toBe(2)
    expect(printed.err).toContain('--once')
  })

  test.each(['', 'http', '-1', '1.5', '65536', '0x50', '80 '])(
    'refuses %j for a port, and says what it takes',
    async port => {
      const printed = await run([`--port=${port}`])

      expect(printed.code).toBe(2)
      expect(printed.err).toContain(`--port takes a number from 0 to 65535, not ${JSON.stringify(port)}\n\nnpm start`)
      expect(printed.out).toBe('')
    },
  )

  test('refuses a port without a number', async () => {
    expect(await run(['--port'])).toMatchObject({ code: 2, err: expect.stringContaining("'--port <value>'") })
  })

  test('shows no token and no secret', async () => {
    let sandbox: Sandbox | undefined
    const printed = await run(['--once', '--json'], started => {
      sandbox = started
    })

    const tokens = sandbox?.systems.flatMap(({ issuedTokens }) => issuedTokens.map(({ token }) => token)) ?? []
    expect(tokens.length).toBeGreaterThanOrEqual(12)
    const secrets = [sandbox?.coreBanking.clientSecret, sandbox?.fiservCiam.clientSecret, sandbox?.wso2Apk.clientSecret]
    for (const secret of [...tokens, ...secrets]) expect(printed.out + printed.err).not.toContain(secret)
  })
})

describe('the process', () => {
  test('keeps the sandbox up after the tour, serves the app, prints their URLs, and ends with 0 on Ctrl-C', async () => {
    const inUse = createServer().listen(0, '127.0.0.1')
    await once(inUse, 'listening')
    const { port } = inUse.address() as AddressInfo
    const child = spawn(process.execPath, [program, '--port', String(port)], { stdio: ['ignore', 'pipe', 'pipe'] })
    let printed = ''
    let page = ''
    let bankPage = ''
    for await (const chunk of child.stdout) {
      printed += chunk
      if (!printed.endsWith('Ctrl-C ends it.\n')) continue
      const [url] = /http:\/\/127\.0\.0\.1:\d+\//.exec(printed) ?? []
      page = await (await fetch(String(url))).text()
      bankPage = await (await fetch(`${url}bank`)).text()
      await fetch(`${url}events`) // a page that stays open does not hold the program up
      child.kill('SIGINT')
    }
    const errors = await text(child.stderr)
    const [code] = child.exitCode === null ? await once(child, 'exit') : [child.exitCode]
    inUse.close()

    expect(errors).toBe('')
    expect(code).toBe(0)
    expect(printed).toMatch(/by your own browser, step by step: http:\/\/127\.0\.0\.1:\d+\/bank\n/)
    expect(bankPage).toContain('A login at the bank')
    expect(page).toContain('/page.js')
    expect(printed).toMatch(new RegExp(`: http://127\\.0\\.0\\.1:\\d+/ \\(port ${port} is taken\\)\\n`))
    expect(printed).toMatch(/coreBanking +https:\/\/localhost:\d+\/api\/auth\/v1\/authenticate/)
  })

  test('says how to get a package back that is not there, without a stack', async () => {
    const elsewhere = mkdtempSync(join(tmpdir(), 'grantkit-demo-'))
    cpSync(dirname(program), elsewhere, { recursive: true })
    writeFileSync(join(elsewhere, 'package.json'), '{"type":"module"}')

    const child = spawn(process.execPath, [join(elsewhere, 'index.js'), '--once'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const errors = await text(child.stderr)
    rmSync(elsewhere, { recursive: true })

    expect(child.exitCode ?? (await once(child, 'exit'))[0]).toBe(1)
    expect(errors).toMatch(/^Error \[ERR_MODULE_NOT_FOUND\]: Cannot find package '@grantkit\/sandbox'/)
    expect(errors).toMatch(/\nA file of node_modules is missing or damaged; `npm ci` installs all of them anew\.\n$/)
    expect(errors).not.toMatch(/^ +at /m)
  })
})

async function run(args: readonly string[], prepare: (sandbox: Sandbox) => void = () => {}) {
  let out = ''
  let err = ''
  const code = await main(args, {
    out: text => {
      out += text
    },
    err: text => {
      err += text
    },
    start: async () => {
      const sandbox = await startSandbox()
      prepare(sandbox)
      return sandbox
    },
  })
  return { code, out, err }
}
