/**
 * What may be changed in a source file, one small fault each, and the file with all of them behind switches:
 * `isMutant(7) ? (changed) : (as it was)`. So a file is prepared once for all of its mutants.
 */
import { createHash } from 'node:crypto'
import { parseSync } from 'oxc-parser'

/**
 * @typedef {object} Mutant
 * @property {string} id the same as long as the declaration around it is the same
 * @property {string} file from the root of the repository
 * @property {number} line
 * @property {string} within the declaration at the top level that it is in
 * @property {string} change what was written, and what instead
 */

/**
 * Finds the mutants of a file.
 *
 * @param {string} file its path from the root
 * @param {string} text
 * @returns {{ textHash: string, mutants: Mutant[], instrumented(numberOf: (id: string) => number): string }}
 */
export function mutantsOf(file, text) {
  const { program, comments, errors } = parseSync(file, text)
  if (errors.length > 0) throw new Error(`${file}: ${errors[0].message}`)
  /** @type {{ start: number, end: number, to?: string, kind: 'expression' | 'statement' | 'body', change: string }[]} */
  const changes = []
  const change = (node, to, shown = {}) => {
    const kind = shown.kind ?? 'expression'
    const before = shown.from ?? text.slice(node.start, node.end)
    changes.push({
      start: node.start,
      end: node.end,
      to,
      kind,
      change: `${oneLine(before)} → ${oneLine(shown.to ?? to)}`,
    })
  }
  visit(program, [], change, text)
  const bare = (start, end) => withoutComments(text, comments, start, end)
  const mutants = named(file, text, program, changes, bare)
  const textHash = hash(bare(0, text.length))
  return {
    textHash,
    mutants,
    instrumented: numberOf => instrument(text, changes, index => numberOf(mutants[index].id)),
  }
}

/** Gives each change its name: which one it is of a declaration with this text. */
function named(file, text, program, changes, bare) {
  const counts = new Map()
  return changes.map(({ start, change }) => {
    const declaration = program.body.find(one => one.start <= start && start < one.end)
    const count = (counts.get(declaration) ?? 0) + 1
    counts.set(declaration, count)
    const id = hash(`${file} ${bare(declaration.start, declaration.end)} ${count}`)
    const line = text.slice(0, start).split('\n').length
    return { id, file, line, within: nameOf(declaration), change }
  })
}

/** The same for a text in which comments and blanks alone are others. */
function withoutComments(text, comments, start, end) {
  let bare = ''
  let at = start
  for (const comment of comments)
    if (comment.start >= at && comment.end <= end) {
      bare += text.slice(at, comment.start)
      at = comment.end
    }
  return (bare + text.slice(at, end)).replace(/\s+/g, ' ')
}

function nameOf(declaration) {
  const one = declaration.declaration ?? declaration
  return one.id?.name ?? one.declarations?.[0].id.name ?? one.type
}

/** Walks the values of a program; what only the types say cannot be at fault. */
function visit(node, parents, change, text) {
  if (Array.isArray(node)) {
    for (const one of node) visit(one, parents, change, text)
    return
  }
  if (typeof node?.type !== 'string') return
  if (node.type.startsWith('TS') && !typeWrappers.has(node.type)) return
  if (node.type.startsWith('Import') || node.declare) return
  mutators[node.type]?.(node, { parent: parents.at(-1), parents, change, text })
  for (const [name, value] of Object.entries(node)) {
    if (name === 'typeAnnotation' || name === 'returnType' || name === 'typeParameters' || name === 'typeArguments')
      continue
    if (typeof value === 'object' && value !== null) visit(value, [...parents, node], change, text)
  }
}

const typeWrappers = new Set(['TSAsExpression', 'TSSatisfiesExpression', 'TSNonNullExpression'])

/** For each comparison: what a boundary more or less makes of it, and its opposite. */
const comparisons = {
  '===': ['!=='],
  '!==': ['==='],
  '==': ['!='],
  '!=': ['=='],
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
}
const sums = { '+': '-', '-': '+', '*': '/', '/': '*', '%': '*', '**': '*' }
const assignments = { '+=': '-=', '-=': '+=', '||=': '=', '&&=': '=', '??=': '=' }
/** Methods that give back something like what they are called on, or their opposite. */
const removable = new Set(
  'filter map flatMap flat slice sort reverse trim trimEnd trimStart toLowerCase toUpperCase replace replaceAll'
    .split(' ')
    .concat('catch finally concat unref at'.split(' ')),
)
const opposites = new Map(
  Object.entries({
    some: 'every',
    every: 'some',
    startsWith: 'endsWith',
    endsWith: 'startsWith',
    min: 'max',
    max: 'min',
  }),
)

const mutators = {
  IfStatement: ({ test }, { change }) => conditions(test, change),
  ConditionalExpression: ({ test }, { change }) => conditions(test, change),
  // to go on for ever is noticed only by waiting
  WhileStatement: ({ test }, { change }) => test.type !== 'Literal' && change(test, 'false'),
  DoWhileStatement: ({ test }, { change }) => change(test, 'false'),
  ForStatement: ({ test }, { change }) => test && change(test, 'false'),

  LogicalExpression(node, { change, text }) {
    change(node, of(node.left, text))
    change(node, of(node.right, text))
  },
  BinaryExpression(node, { parent, change, text }) {
    const { left, right, operator } = node
    const isText = [left, right].some(one => one.type === 'TemplateLiteral' || typeof one.value === 'string')
    const others = comparisons[operator] ?? (isText || sums[operator] === undefined ? [] : [sums[operator]])
    // a condition is made true and false anyway
    for (const other of isCondition(node, parent) ? others.slice(0, -1) : others)
      change(node, `${of(left, text)} ${other} ${of(right, text)}`)
    if (operator === 'in' || operator === 'instanceof') change(node, `!(${of(node, text)})`)
  },
  UnaryExpression(node, { parent, change, text }) {
    if (node.operator === '!' && !isCondition(node, parent)) change(node, of(node.argument, text))
    if (node.operator === '-') change(node, of(node.argument, text))
  },
  UpdateExpression(node, { change, text }) {
    const other = node.operator === '++' ? '--' : '++'
    change(node, node.prefix ? other + of(node.argument, text) : of(node.argument, text) + other)
  },
  AssignmentExpression(node, { change, text }) {
    const other = assignments[node.operator]
    if (other !== undefined) change(node, `${of(node.left, text)} ${other} ${of(node.right, text)}`)
  },

  Literal(node, { parent, change, text }) {
    if (isName(node, parent)) return
    const { value } = node
    if (typeof value === 'boolean') change(node, String(!value))
    else if (typeof value === 'string') change(node, value === '' ? "'mutant'" : "''")
    else if (typeof value === 'number' && value <= 10) change(node, String(value + 1))
    else if (typeof value === 'number')
      for (const to of [`${of(node, text)} * 2`, `${of(node, text)} / 2`]) change(node, to)
    else if (node.regex) patterns(node, change)
  },
  TemplateLiteral(node, { parent, change }) {
    if (parent?.type !== 'TaggedTemplateExpression') change(node, '``')
  },
  ArrayExpression(node, { change }) {
    if (node.elements.length > 0) change(node, '[]')
  },
  ObjectExpression(node, { change }) {
    if (node.properties.length > 0) change(node, '{}')
  },

  ExpressionStatement(node, { change, text }) {
    if (node.directive) return
    change(node, '', { kind: 'statement', to: 'nothing' })
    if (node.expression.type === 'AwaitExpression') {
      const { argument } = node.expression
      change(node.expression, `void (${of(argument, text)})`, { to: 'not awaited' })
    }
  },
  ThrowStatement: (node, { change }) => change(node, '', { kind: 'statement', to: 'nothing' }),
  ContinueStatement: (node, { change }) => change(node, '', { kind: 'statement', to: 'nothing' }),
  ReturnStatement(node, { change, text }) {
    const { argument } = node
    if (argument === null) change(node, '', { kind: 'statement', to: 'nothing' })
    else if (of(argument, text) !== 'undefined')
      change(argument, 'undefined', { from: of(node, text), to: 'return undefined' })
    if (argument?.type === 'AwaitExpression') change(argument, of(argument.argument, text), { to: 'not awaited' })
  },
  ArrowFunctionExpression({ body }, { change, text }) {
    if (body.type !== 'BlockStatement' && of(body, text) !== 'undefined')
      change(body, 'undefined', { from: `=> ${of(body, text)}`, to: '=> undefined' })
  },
  BlockStatement(node, { parent, change, text }) {
    if (node.body.length === 0 || !isWorthEmptying(node, parent)) return
    const isBody = functions.has(parent.type)
    change(node, '', { kind: isBody ? 'body' : 'statement', from: of(node, text), to: '{}' })
  },

  ChainExpression: (node, { change, text }) => chain(node, node.expression, change, text),
  CallExpression(node, { parents, change, text }) {
    if (!isWithinChain(node, parents)) chain(node, node, change, text)
  },
}

const functions = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression'])

/** Where a single statement has its own mutant, or the condition before the block has, an empty block says the same. */
function isWorthEmptying(block, parent) {
  const [first, ...more] = block.body
  if (more.length === 0 && ['ReturnStatement', 'ExpressionStatement', 'ThrowStatement'].includes(first.type))
    return false
  if (functions.has(parent?.type)) return true
  if (parent?.type === 'IfStatement') return parent.alternate !== null
  return ['TryStatement', 'CatchClause', 'ForOfStatement'].includes(parent?.type)
}

function isCondition(node, parent) {
  return parent?.test === node
}

function conditions(test, change) {
  change(test, 'true')
  change(test, 'false')
}

function patterns(node, change) {
  const { pattern, flags } = node.regex
  const others = ['(?!)']
  if (pattern.startsWith('^')) others.push(pattern.slice(1) || '(?:)')
  if (pattern.endsWith('$') && !pattern.endsWith('\\$')) others.push(pattern.slice(0, -1) || '(?:)')
  for (const other of others) change(node, `/${other}/${flags}`)
}

/** Whether a text stands for a name: of a property, of a module. */
function isName(node, parent) {
  if (parent?.key === node && !parent.computed) return true
  return parent?.source === node
}

/** Goes down a chain of calls: each link may be left out, or be asked for where there is nothing. */
function chain(whole, node, change, text) {
  let link = node
  while (link !== undefined && link !== null) {
    const { type, optional, callee, object, property, expression } = link
    if (optional) {
      const at = text.indexOf('?.', (callee ?? object).end)
      const plain = text[at + 2] === '(' || text[at + 2] === '[' ? '' : '.'
      change(whole, text.slice(whole.start, at) + plain + text.slice(at + 2, whole.end), {
        from: text.slice((callee ?? object).start, link.end),
        to: 'without ?.',
      })
    }
    if (type === 'CallExpression' && callee.type === 'MemberExpression' && !callee.computed) {
      const { name } = callee.property
      if (removable.has(name) && !callee.optional && !optional)
        change(whole, text.slice(whole.start, callee.object.end) + text.slice(link.end, whole.end), {
          from: text.slice(callee.object.end, link.end),
          to: 'left out',
        })
      const other = opposites.get(name)
      if (other !== undefined)
        change(
          whole,
          text.slice(whole.start, callee.property.start) + other + text.slice(callee.property.end, whole.end),
          { from: `.${name}`, to: `.${other}` },
        )
    }
    link = callee ?? object ?? (typeWrappers.has(type) ? expression : undefined)
    if (property === undefined && callee === undefined && !typeWrappers.has(type)) return
  }
}

/** Links of a chain are changed with the whole chain: `(a?.b).c` is not `a?.b.c`. */
function isWithinChain(node, parents) {
  let child = node
  for (const parent of parents.toReversed()) {
    if (parent.type === 'ChainExpression') return true
    if (parent.callee !== child && parent.object !== child && !typeWrappers.has(parent.type)) return false
    if (parent.type === 'CallExpression' && parent.callee === child) return true
    child = parent
  }
  return false
}

function of({ start, end }, text) {
  return text.slice(start, end)
}

function oneLine(text) {
  const line = text.replace(/\s+/g, ' ').trim()
  return line.length > 120 ? `${line.slice(0, 80)} … ${line.slice(-36)}` : line
}

/** Writes all changes into the text, each behind its switch, the inner ones within the outer ones. */
function instrument(text, changes, numberOf) {
  const groups = new Map()
  for (const [index, one] of changes.entries()) {
    const key = `${one.start} ${one.end} ${one.kind === 'expression' ? 'expression' : 'statement'}`
    groups.set(key, [...(groups.get(key) ?? []), { ...one, number: numberOf(index) }])
  }
  // the widest first; of the same width the statement around the expression
  const sorted = [...groups.values()].sort(
    ([a], [b]) =>
      a.start - b.start || b.end - a.end || (a.kind === 'expression' ? 1 : 0) - (b.kind === 'expression' ? 1 : 0),
  )
  let next = 0
  const written = (start, end) => {
    let out = ''
    let at = start
    while (next < sorted.length && sorted[next][0].start >= start && sorted[next][0].end <= end) {
      const group = sorted[next++]
      out += text.slice(at, group[0].start) + switched(group, written(group[0].start, group[0].end))
      at = group[0].end
    }
    return out + text.slice(at, end)
  }
  const switches = '/* prepared by scripts/mutants.mjs */ const isMutant = globalThis.isMutant ?? (() => false);'
  return switches + written(0, text.length)
}

function switched(group, inner) {
  const [{ kind }] = group
  if (kind === 'body') return `{ if (isMutant(${group[0].number})) return; ${inner.slice(1)}`
  if (kind === 'statement') return `{ if (!isMutant(${group[0].number})) ${inner} }`
  return group.reduce((rest, { number, to }) => `(isMutant(${number}) ? (${to}) : ${rest})`, `(${inner})`)
}

export function hash(text) {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}
