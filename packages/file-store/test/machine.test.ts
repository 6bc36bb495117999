import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { thisMachine } from '../src/machine.js'
import { eventually } from './eventually.js'

const onLinux = process.platform === 'linux'
const machine = thisMachine()
const [, startedAt, namespace] = machine.process.split('-')

test('knows that this process is there', () => {
  expect(machine.isGone(machine.process)).toBe(false)
  expect(machine.process).toMatch(new RegExp(`^${process.pid}-\\w+-\\w+$`))
})

test('knows that a process has ended', async () => {
  const child = spawn(process.execPath, ['--eval', ''])
  const name = [child.pid, startedAt, namespace].join('-')
  await once(child, 'exit')
  expect(machine.isGone(name)).toBe(true)
})

test('does not take a process for an earlier one that had its id', context => {
  context.skip(!onLinux, 'only Linux tells when a process began')
  expect(machine.isGone([process.pid, '1', namespace].join('-'))).toBe(true)
})

test('knows that a process has ended whose parent does not ask for it', async context => {
  context.skip(!onLinux, 'only Linux tells')
  // The shell becomes `sleep`, which asks for nobody's outcome; the child it had before ends at once.
  const parent = spawn('sh', ['-c', 'sh -c "echo \\$\\$ \\$(cut -d\\  -f22 /proc/\\$\\$/stat)" & exec sleep 60'])
  const [line] = await once(parent.stdout, 'data')
  const [pid, began] = String(line).trim().split(' ')
  await eventually(() => machine.isGone([pid, began, namespace].join('-')))
  expect(() => process.kill(Number(pid), 0)).not.toThrow()
  parent.kill('SIGKILL')
  await once(parent, 'exit')
})

test('says nothing of processes in another container', context => {
  context.skip(!onLinux, 'only Linux has namespaces')
  expect(machine.isGone('4194304-1-1')).toBe(false)
  expect(machine.isGone(['4194304', '1', 'unknown'].join('-'))).toBe(false)
})

test('counts time as every process of the machine does', async () => {
  const child = spawn(process.execPath, ['--eval', 'console.log(Math.floor(Number(process.hrtime.bigint()) / 1e6))'])
  const before = machine.sinceBootMs()
  const [line] = await once(child.stdout, 'data')
  expect(Number(line)).toBeGreaterThanOrEqual(before)
  expect(Number(line)).toBeLessThanOrEqual(machine.sinceBootMs())
})
