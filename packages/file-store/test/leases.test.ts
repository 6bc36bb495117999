import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openDirectory } from '../src/directory.js'
import { systemFiles } from '../src/files.js'
import { storeIn } from '../src/store.js'
import { machineByHand } from './machine-by-hand.js'
import { temporaryDirectory } from './temporary-directory.js'

const parent = temporaryDirectory()
const hourMs = 60 * 60 * 1000

/** One process has the lease of `key` for a minute, and another asks for it. */
async function leased(machine = machineByHand()) {
  const directory = openDirectory(join(parent(), randomBytes(8).toString('hex')))
  const first = storeIn(directory, systemFiles, machine.as('first'))
  const second = storeIn(directory, systemFiles, machine.as('second'))
  expect(await first.lease('key', 'holder', 60_000)).toBe(true)
  const asked = () => storeIn(directory, systemFiles, machine.as('third')).lease('key', 'other', 60_000)
  return { directory, machine, first, second, asked }
}

test.each([hourMs, -hourMs])('is neither freed nor prolonged by a wall clock that is set by %i ms', async stepMs => {
  const { machine, asked } = await leased()
  machine.clocks.epochMs += stepMs
  expect(await asked()).toBe(false)
  machine.clocks.sinceBootMs += 59_999
  expect(await asked()).toBe(false)
  machine.clocks.sinceBootMs += 1
  expect(await asked()).toBe(true)
})

test('is free at once when the process that has it dies', async () => {
  const { machine, asked } = await leased()
  machine.dead.add('first')
  expect(await asked()).toBe(true)
})

test('belongs to the process that kept it last', async () => {
  const { machine, asked, second } = await leased()
  expect(await second.lease('key', 'holder', 60_000)).toBe(true)
  machine.dead.add('first')
  expect(await asked()).toBe(false)
})

test('does not outlast the start of the system', async () => {
  const { machine, asked } = await leased()
  const { sinceBootMs } = machine.clocks
  machine.restart()
  machine.clocks.sinceBootMs = sinceBootMs + 30_000
  expect(await asked()).toBe(true)
})

test('does not outlast the start of a system that cannot be told from an earlier one', async () => {
  const { machine, asked } = await leased(machineByHand({ namesBoots: false }))
  machine.restart()
  expect(await asked()).toBe(true)
})

test('is cleared up when it has ended, by a write', async () => {
  const { directory, machine, first } = await leased()
  await first.compareAndSet('one', undefined, { version: 'one', value: '', keepForMs: undefined })
  expect(readdirSync(directory.leases)).toEqual(['+key'])
  machine.clocks.sinceBootMs += 2 * 60_000
  await first.compareAndSet('two', undefined, { version: 'one', value: '', keepForMs: undefined })
  expect(readdirSync(directory.leases)).toEqual([])
})
