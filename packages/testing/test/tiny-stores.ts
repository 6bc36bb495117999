/** Stores on one backend in one screen, which do all the contract asks for; and the faults they can be given. */
import { setImmediate as elsewhere } from 'node:timers/promises'
import type { TokenStore } from '@grantkit/core'
import type { ChangeListener, RecordToKeep } from '@grantkit/core/kit'

export type Fault =
  | 'says null'
  | 'a backend for each process'
  | 'drops empty values'
  | 'reads values as JSON'
  | 'reads escapes'
  | 'knows no letters beyond Latin'
  | 'normalises letters'
  | 'leaves out control characters'
  | 'trims values'
  | 'cuts values'
  | 'ignores the case of keys'
  | 'cuts keys'
  | 'the last writer wins'
  | 'creates over what is there'
  | 'replaces what is not there'
  | 'looks, and writes later'
  | 'looks, and deletes later'
  | 'refuses what it has written'
  | 'writes again what it has written'
  | 'knows a write again by its value'
  | 'says true to all it ever wrote'
  | 'deletes whatever is there'
  | 'deletes what is not there'
  | 'creates nothing where it deleted'
  | 'takes the version it deleted'
  | 'ignores keepForMs'
  | 'hides what should be dropped'
  | 'keeps nothing for ever'
  | 'counts in 32 bits'
  | 'keeps to the first limit'
  | 'keeps to the longest limit'
  | 'leases for each process'
  | 'grants every lease'
  | 'grants a lease once'
  | 'looks, and grants later'
  | 'looks, and takes over later'
  | 'leases never end'
  | 'leases end at their first end'
  | 'leases end at their last end'
  | 'release does nothing'
  | 'release by anybody'
  | 'release complains'
  | 'one lease for all keys'
  | 'cuts holders'
  | 'a write frees the lease'
  | 'a deletion frees the lease'
  | 'a dropped record frees the lease'
  | 'release deletes the record'
  | 'a lease makes a record'
  | 'writes under a lease alone'
  | 'tells nobody'
  | 'tells its own process alone'
  | 'tells the other processes alone'
  | 'tells nothing of deletions'
  | 'tells after the end'
  | 'one unsubscribes for all'
  | 'a listener fails the write'
  | 'the first listener that throws is the last'
  | 'closes everything'
  | 'closes all listeners'
  | 'cannot be closed under a listener'
  | 'cannot be closed twice'
  | 'cannot be closed unused'

interface Kept extends RecordToKeep {
  readonly until: number
}

interface Lease {
  readonly holder: string
  readonly until: number
}

interface Backend {
  readonly records: Map<string, Kept>
  readonly leases: Map<string, Lease>
  readonly listeners: Set<{ readonly opener: object; readonly listener: ChangeListener }>
  readonly deleted: Map<string, string>
  readonly written: Set<string>
  closed: boolean
}

const spoil: Partial<Record<Fault, (value: string) => string>> = {
  'reads values as JSON': value => (value.startsWith('{"') ? JSON.stringify(JSON.parse(value)) : value),
  'reads escapes': value => value.replaceAll('\\n', '\n'),
  'knows no letters beyond Latin': value => Buffer.from(value, 'latin1').toString('latin1'),
  'normalises letters': value => value.normalize('NFC'),
  'leaves out control characters': value => value.replaceAll('\u0007', ''),
  'trims values': value => value.trim(),
  'cuts values': value => value.slice(0, 65_535),
}

/** Opens a store on the same backend each time. */
export function tinyStores(fault?: Fault): () => TokenStore {
  const backend = newBackend()
  return () => openStore(fault === 'a backend for each process' ? newBackend() : backend, fault)
}

function newBackend(): Backend {
  const [records, leases, deleted] = [new Map(), new Map(), new Map()]
  return { records, leases, deleted, listeners: new Set(), written: new Set(), closed: false }
}

function openStore(backend: Backend, fault: Fault | undefined): TokenStore {
  const { records, listeners, deleted, written } = backend
  const leases = fault === 'leases for each process' ? new Map<string, Lease>() : backend.leases
  const opener = {}
  let used = false
  let closed = false

  const has = (some: Fault) => fault === some
  const now = () => performance.now()
  const name = (key: string) => {
    if (backend.closed) throw new Error('the backend is closed')
    used = true
    if (has('ignores the case of keys')) return key.toLowerCase()
    return has('cuts keys') ? key.slice(0, 99) : key
  }
  const find = (key: string): Kept | undefined => {
    const kept = records.get(key)
    if (kept === undefined || kept.until > now()) return kept
    if (has('hides what should be dropped')) return kept
    records.delete(key)
    if (has('a dropped record frees the lease')) leases.delete(key)
    return undefined
  }
  const endOf = (keepForMs: number | undefined, before: Kept | undefined): number => {
    if (has('ignores keepForMs')) return Number.POSITIVE_INFINITY
    if (has('keeps to the first limit') && before !== undefined) return before.until
    const whole = has('keeps nothing for ever') ? (keepForMs ?? 250) : (keepForMs ?? Number.POSITIVE_INFINITY)
    const end = now() + (has('counts in 32 bits') && Number.isFinite(whole) ? whole | 0 : whole)
    return has('keeps to the longest limit') ? Math.max(end, before?.until ?? 0) : end
  }
  const tell = (key: string, version: string | undefined) => {
    if (has('tells nobody') || (has('tells nothing of deletions') && version === undefined)) return
    for (const one of listeners) {
      const own = one.opener === opener
      if ((has('tells its own process alone') && !own) || (has('tells the other processes alone') && own)) continue
      try {
        one.listener(key, version)
      } catch (error) {
        if (has('a listener fails the write')) throw error
        if (has('the first listener that throws is the last')) return
      }
    }
  }
  const isExpected = (key: string, current: Kept | undefined, expected: string | undefined): boolean => {
    if (has('the last writer wins')) return true
    if (has('creates over what is there') && expected === undefined) return true
    if (current !== undefined) return current.version === expected
    if (has('replaces what is not there')) return true
    if (has('creates nothing where it deleted') && deleted.has(key)) return false
    if (has('takes the version it deleted') && deleted.get(key) === expected) return true
    return expected === undefined
  }

  return {
    async get(key) {
      const kept = find(name(key))
      if (has('says null') && kept === undefined) return null as unknown as undefined
      if (kept === undefined || kept.until <= now() || (has('drops empty values') && kept.value === ''))
        return undefined
      return { version: kept.version, value: spoil[fault ?? 'says null']?.(kept.value) ?? kept.value }
    },
    async compareAndSet(given, expected, record) {
      const key = name(given)
      if (has('writes under a lease alone') && !leases.has(key)) return false
      const current = find(key)
      const isSame = has('knows a write again by its value')
        ? current?.value === record.value
        : current?.version === record.version
      if (isSame && has('refuses what it has written')) return false
      if (isSame && !has('writes again what it has written')) return true
      if (has('says true to all it ever wrote') && written.has(record.version)) return true
      if (!isSame && !isExpected(key, current, expected)) return false
      if (has('looks, and writes later')) await elsewhere()
      records.set(key, { ...record, until: endOf(record.keepForMs, current) })
      written.add(record.version)
      if (has('a write frees the lease')) leases.delete(key)
      tell(key, record.version)
      return true
    },
    async delete(given, version) {
      const key = name(given)
      const current = find(key)
      if (has('deletes what is not there') && current === undefined) return true
      if (current === undefined || (current.version !== version && !has('deletes whatever is there'))) return false
      if (has('looks, and deletes later')) await elsewhere()
      records.delete(key)
      deleted.set(key, version)
      if (has('a deletion frees the lease')) leases.delete(key)
      tell(key, undefined)
      return true
    },
    async lease(given, givenHolder, durationMs) {
      const key = has('one lease for all keys') ? 'all' : name(given)
      const holder = has('cuts holders') ? givenHolder.slice(0, 99) : givenHolder
      const current = leases.get(key)
      const isOver = current !== undefined && current.until <= now() && !has('leases never end')
      const isHolder = current?.holder === holder && !has('grants a lease once')
      if (current !== undefined && !isHolder && !isOver && !has('grants every lease')) return false
      if (has('looks, and grants later') || (has('looks, and takes over later') && isOver)) await elsewhere()
      let until = now() + durationMs
      if (isHolder && has('leases end at their first end')) until = current.until
      if (isHolder && has('leases end at their last end')) until = Math.max(until, current.until)
      leases.set(key, { holder, until })
      if (has('a lease makes a record') && !records.has(key))
        records.set(key, { version: 'none', value: '', keepForMs: undefined, until: Number.POSITIVE_INFINITY })
      return true
    },
    async release(given, holder) {
      const key = has('one lease for all keys') ? 'all' : name(given)
      const isHolder = leases.get(key)?.holder === holder
      if (!isHolder && has('release complains')) throw new Error('not the holder')
      if (has('release does nothing') || (!isHolder && !has('release by anybody'))) return
      leases.delete(key)
      if (has('release deletes the record')) records.delete(key)
    },
    watch(listener) {
      const one = { opener, listener }
      listeners.add(one)
      return () => {
        if (has('one unsubscribes for all')) listeners.clear()
        if (!has('tells after the end')) listeners.delete(one)
      }
    },
    async close() {
      const own = [...listeners].filter(one => one.opener === opener)
      if (has('cannot be closed under a listener') && own.length > 0) throw new Error('a listener is left')
      if (has('cannot be closed twice') && closed) throw new Error('closed already')
      if (has('cannot be closed unused') && !used) throw new Error('nothing to close')
      for (const one of has('closes all listeners') ? listeners : own) listeners.delete(one)
      backend.closed = has('closes everything')
      closed = true
    },
  }
}
