/** Modules of a test plan as tests: each is named as the plan names it, and runs in every kind of login the plan has. */
import type { Misbehaviour } from '@grantkit/sandbox'
import { expect, test } from 'vitest'
import { begin, expectRefusedLogin, type Flow, logIn, type Moment, misbehaving, type Scene } from './scene.js'

/** The kinds of login a plan runs its modules in, by name. */
export type Flows = Readonly<Record<string, Flow>>

/** What the server does wrong, and the `check` that refuses it. */
export type Refused = readonly [misbehaviour: Misbehaviour, check: string | RegExp]

/** Modules in which the login has to fail. */
export function refuse(flows: Flows, moment: Moment, modules: Readonly<Record<string, Refused>>): void {
  each(flows, modules, async (flow, [misbehaviour, check]) => {
    await using scene = await misbehaving(flow, misbehaviour)
    await expectRefusedLogin(scene, check, moment)
  })
}

/** Modules in which the login has to succeed all the same, and the API to be reached. */
export function accept(flows: Flows, modules: Readonly<Record<string, Misbehaviour | undefined>>): void {
  each(flows, modules, async (flow, misbehaviour) => {
    await using scene = misbehaviour === undefined ? await begin(flow) : await misbehaving(flow, misbehaviour)
    expect((await logIn(scene)).accessToken).toBe(scene.openid.issuedTokens.at(-1)?.token)
  })
}

/** Modules with a course of their own. */
export function run(flows: Flows, modules: Readonly<Record<string, (scene: Scene) => Promise<void>>>): void {
  each(flows, modules, async (flow, course) => {
    await using scene = await begin(flow)
    await course(scene)
  })
}

function each<Row>(
  flows: Flows,
  modules: Readonly<Record<string, Row>>,
  course: (flow: Flow, row: Row) => Promise<void>,
): void {
  for (const [module, row] of Object.entries(modules))
    for (const [name, flow] of Object.entries(flows)) test(`${module} (${name})`, () => course(flow, row))
}
