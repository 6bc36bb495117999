/** Names among the proxy's options, as browsers know them. */
import { checkText, optionError, originOf } from '@grantkit/core/kit'

/**
 * Headers that browsers send by themselves, or for any page that asks.
 *
 * @see https://fetch.spec.whatwg.org/#forbidden-request-header, https://fetch.spec.whatwg.org/#cors-safelisted-request-header
 */
const ofBrowsers =
  /^(accept.*|access-control-.*|cache-control|connection|content-.*|cookie2?|date|dnt|expect|host|if-.*|keep-alive|origin|pragma|priority|proxy-.*|range|referer|sec-.*|te|trailer|transfer-encoding|upgrade.*|user-agent|via)$/i

/** @throws TypeError naming `csrfHeader` */
export function checkHeaderName(value: unknown): asserts value is string {
  checkText('csrfHeader', value)
  if (!/^[\w-]+$/.test(value) || ofBrowsers.test(value))
    throw optionError('csrfHeader', 'must be the name of a header that no browser sets by itself, such as x-csrf')
}

/** @throws TypeError naming the option */
export function checkList(option: string, value: unknown): asserts value is readonly string[] {
  if (!Array.isArray(value)) throw optionError(option, 'must be a list of strings')
  for (const one of value) checkText(option, one)
}

/**
 * They are compared to the letter with what browsers say; a page of an app on a phone has a scheme of its own.
 *
 * @throws TypeError naming `pageOrigins`
 */
export function checkPageOrigins(value: unknown): void {
  checkList('pageOrigins', value)
  for (const one of value) {
    const origin = originOf(one)
    if (origin === undefined ? /^(?!https?:)[a-z][\w+.-]*:\/\/[^\s/?#]+$/.test(one) : origin === one) continue
    throw optionError('pageOrigins', `must be as browsers say it, such as ${origin ?? 'https://app.example.com'}`)
  }
}
