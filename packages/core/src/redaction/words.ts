/** Tells words that people write from letters that machines draw. */

/** One word of a sentence, or several joined by `_` as in `invalid_grant`; a small number. */
export function isOrdinary(word: string): boolean {
  return /^(?:[A-Za-z]?[a-z]{1,14}(?:'[a-z]{1,2})?|[A-Z]{1,10}|[a-z]{1,14}(?:_[a-z]{1,14}){1,6}|\d{1,4}|-+)[.,;:!?)]{0,3}$/.test(
    word,
  )
}

/** As traces and requests are named by, but access tokens too. */
export const uuid = /[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}/i
const everyUuid = new RegExp(uuid, 'gi')

/** Whether a run without blanks was drawn. */
export function isRandom(run: string): boolean {
  const parts = partsOf(run)
  const isLong = (part: string) => part.length >= 40 || /^(\d{20,}|[a-z]{32,}|[A-Z]{32,})$/.test(part)
  const isLongAndOdd = (part: string) => part.length >= 16 && isOdd(part)
  return parts.some(part => isLong(part) || isLongAndOdd(part)) || oddLength(run) >= 20
}

/** How many characters of a run belong to parts in which no words can be made out. */
export function oddLength(run: string): number {
  return partsOf(run)
    .filter(isOdd)
    .reduce((length, part) => length + part.length, 0)
}

function partsOf(run: string): readonly string[] {
  return run.replace(everyUuid, ' ').match(/[A-Za-z\d]+/g) ?? []
}

/** In `InvalidGrantException` and `AADSTS50011` capitals and digits begin a word, in `SplxlOBeZQQYbYS6` they do not. */
function isOdd(part: string): boolean {
  if (part.length < 4 || /^[A-Za-z]?[a-z]+$/.test(part) || /^\d+$/.test(part)) return false
  const pieces = part.replace(/OAuth\d?|OpenID/g, 'Oauth').match(/[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+/g) ?? []
  const words = pieces.filter(piece => piece.length >= 3 && /[aeiouy]/i.test(piece)).join('')
  const numbers = part.match(/\d+/g)?.length ?? 0
  const hasFewWords = numbers > 0 && words.length < part.length / 2
  return part.length / pieces.length < 3.5 || hasFewWords || (numbers > 1 && part.length >= 16)
}

const reference =
  /(?:(?:trace|correlation|request|req|transaction|incident|event|error|log|flow|span|ray|ticket|case|activity|operation|support|message|instance|key)[\s_-]?(?:id|identifier|number|no|uuid|guid)|reference|traceparent|tracking|kid|jti)["']?\s?[:=#]{0,2}\s?["'(#]?$/i

/** Whether what begins here is named as something to look up in a log. */
export function isReference(text: string, start: number): boolean {
  return reference.test(text.slice(Math.max(0, start - 40), start))
}
