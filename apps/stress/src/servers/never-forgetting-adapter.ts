/** Where oidc-provider keeps things: in Maps that forget nothing, unlike its own, which keeps the latest thousand. */
import type { Adapter, AdapterPayload } from 'oidc-provider'

/** An adapter factory, as oidc-provider's option `adapter` takes one. */
export function neverForgettingAdapter(): (model: string) => Adapter {
  const models = new Map<string, Map<string, AdapterPayload>>()
  /** What to drop with a grant, so that a revocation does not have to look at everything. */
  const ofGrant = new Map<string, Set<() => void>>()

  return model => {
    const kept = models.get(model) ?? new Map<string, AdapterPayload>()
    models.set(model, kept)
    return {
      async upsert(id, payload) {
        kept.set(id, payload)
        if (payload.grantId === undefined) return
        const members = ofGrant.get(payload.grantId) ?? new Set()
        ofGrant.set(
          payload.grantId,
          members.add(() => kept.delete(id)),
        )
      },
      find: async id => kept.get(id),
      findByUid: async uid => [...kept.values()].find(payload => payload.uid === uid),
      findByUserCode: async userCode => [...kept.values()].find(payload => payload.userCode === userCode),
      async consume(id) {
        const payload = kept.get(id)
        if (payload !== undefined) payload.consumed = Math.floor(Date.now() / 1000)
      },
      async destroy(id) {
        kept.delete(id)
      },
      async revokeByGrantId(grantId) {
        for (const drop of ofGrant.get(grantId) ?? []) drop()
        ofGrant.delete(grantId)
      },
    }
  }
}
