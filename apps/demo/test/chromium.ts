/** Chromium for the tests of pages, and what they ask of it. */
import { type Browser, chromium, type Locator, type Page } from 'playwright-core'
import { expect } from 'vitest'
import { chromiumFlags, chromiumProgram } from '../../../packages/testing/src/servers/chromium.js'

/** Where it is; `undefined` where it is not. */
export const executablePath = chromiumProgram()

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: executablePath as string, args: [...chromiumFlags] })
}

export async function expectCount(locator: Locator, count: number): Promise<void> {
  await expect.poll(() => locator.count()).toBe(count)
}

/** Presses Tab until an element has the focus. */
export async function tabTo(page: Page, target: Locator): Promise<void> {
  await target.waitFor()
  for (let presses = 0; presses < 80; presses++) {
    if (await isFocused(target)) return
    await page.keyboard.press('Tab')
  }
  throw new Error('80 presses of Tab did not get there')
}

export function isFocused(locator: Locator): Promise<boolean> {
  return locator.evaluate(element => element === element.ownerDocument.activeElement)
}

export function styleOf(locator: Locator, property: string): Promise<string> {
  return locator.evaluate(
    (element, name) => element.ownerDocument.defaultView.getComputedStyle(element)[name],
    property,
  )
}
