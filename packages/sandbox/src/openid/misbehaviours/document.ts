/** What can be wrong with any JSON document. */
import type { DocumentDraft } from '../drafts.js'
import type { OpenidProvider } from '../openid-provider.js'

type ChangeDocument = (draft: DocumentDraft) => void

/** Sets members of the document; to undefined takes one out. */
export function member(
  members: object | ((body: Readonly<Record<string, unknown>>, provider: OpenidProvider) => object),
): (draft: DocumentDraft, provider: OpenidProvider) => void {
  return ({ body }, provider) => Object.assign(body, typeof members === 'function' ? members(body, provider) : members)
}

/** By name. */
export const documentMisbehaviours = {
  'not JSON': draft => Object.assign(draft, { text: '<!DOCTYPE html><html></html>' }),
  'JSON array': draft => Object.assign(draft, { text: JSON.stringify([draft.body]) }),
  'JSON null': draft => Object.assign(draft, { text: 'null' }),
  /** 100,000 levels, beside what belongs there. */
  deep: draft =>
    Object.assign(draft, {
      text: `{"deep":${'['.repeat(100_000)}${']'.repeat(100_000)},${JSON.stringify(draft.body).slice(1)}`,
    }),
  /** Every member a second time, with `null`. */
  'duplicate members': draft => {
    const again = Object.keys(draft.body).map(name => `${JSON.stringify(name)}:null`)
    draft.text = `${JSON.stringify(draft.body).slice(0, -1)},${again.join(',')}}`
  },
  /** Members that every object has (`__proto__`, `constructor`), with values of their own. */
  'prototype members': draft =>
    Object.assign(draft, {
      text: `{"__proto__":{"polluted":true},"constructor":1,"toString":1,${JSON.stringify(draft.body).slice(1)}`,
    }),
} satisfies Record<string, ChangeDocument>
