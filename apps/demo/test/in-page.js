/** What the tests ask inside the page. Each function is sent there as text, and so stands alone. */

/** Ids that are there more than once. */
export function findRepeatedIds() {
  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id)
  return ids.filter((id, index) => ids.indexOf(id) !== index)
}

/** Texts that reach beyond the window. */
export function findCutOff() {
  const elements = [...document.body.querySelectorAll('h1, h2, h3, p, li, dt, dd, button, span, strong, time')]
  return elements
    .filter(element => element.textContent.trim() !== '' && element.closest('.hidden') === null)
    .filter(element => {
      const { left, right } = element.getBoundingClientRect()
      return left < 0 || right > innerWidth
    })
    .map(element => element.textContent)
}

/** Colours of the pictures that stand out less from the card than WCAG 2.2, 1.4.11 asks (AA). */
export function findFaintShapes() {
  const luminance = color => {
    const [red, green, blue] = color.match(/[\d.]+/g).map(channel => {
      const share = Number(channel) / 255
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }
  const shapes = [...document.querySelectorAll('.timeline :is(.token, .renewal, .call, .now)')]
  const faint = shapes.filter(shape => {
    const { fill, stroke } = getComputedStyle(shape)
    const color = /(ended|failed|now)/.test(shape.getAttribute('class')) ? stroke : fill
    const [darker, lighter] = [color, getComputedStyle(shape.closest('article')).backgroundColor]
      .map(luminance)
      .sort((a, b) => a - b)
    return (lighter + 0.05) / (darker + 0.05) < 3
  })
  return {
    kinds: new Set(shapes.map(shape => shape.getAttribute('class'))).size,
    faint: faint.map(({ outerHTML }) => outerHTML),
  }
}

/** Texts below the contrast of WCAG 2.2, 1.4.3 (AA). */
export function findFaintText() {
  const faint = []
  let checked = 0
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const element = node.parentElement
    if (node.textContent.trim() === '' || element.closest('template, script, noscript, .hidden') !== null) continue
    if (element.getClientRects().length === 0) continue
    const { color, fontSize, fontWeight } = getComputedStyle(element)
    const size = Number.parseFloat(fontSize)
    const isLarge = size >= 24 || (size >= 18.66 && Number(fontWeight) >= 700)
    const ratio = contrast(over(parse(color), backgroundOf(element)), backgroundOf(element))
    checked++
    if (ratio < (isLarge ? 3 : 4.5)) faint.push(`${node.textContent.trim()}: ${ratio.toFixed(2)}`)
  }
  return { checked, faint }

  function parse(color) {
    const [red, green, blue, alpha = 1] = color.match(/[\d.]+/g).map(Number)
    return { channels: [red, green, blue], alpha }
  }

  /** Opaque: what is behind shows through what is not. */
  function backgroundOf(element) {
    if (element === null) return [255, 255, 255]
    const own = parse(getComputedStyle(element).backgroundColor)
    return own.alpha === 1 ? own.channels : over(own, backgroundOf(element.parentElement))
  }

  function over({ channels, alpha }, behind) {
    return channels.map((channel, index) => channel * alpha + behind[index] * (1 - alpha))
  }

  function contrast(one, other) {
    const [darker, lighter] = [luminance(one), luminance(other)].sort((a, b) => a - b)
    return (lighter + 0.05) / (darker + 0.05)
  }

  function luminance(channels) {
    const [red, green, blue] = channels.map(channel => {
      const share = channel / 255
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }
}
