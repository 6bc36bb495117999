/**
 * A file system in memory that can lose its power: what was not waited for may be on the disk afterwards, or not, each
 * change by itself and in no order. POSIX promises no more, and real file systems keep more.
 */
import type { Files } from '../src/files.js'

interface File {
  text: string
}

interface Folder {
  readonly entries: Map<string, Node>
}

type Node = File | Folder

/** A change that is done, and not waited for yet. */
interface Change {
  readonly of: Node | readonly Node[]
  readonly apply: (onDisk: OnDisk) => void
}

/** What the disk holds of each file and folder. */
interface OnDisk {
  texts: Map<File, string>
  entries: Map<Folder, Map<string, Node>>
}

export interface MemoryFiles extends Files {
  /** How many changes may be lost in a power cut. */
  readonly atRisk: number
  /** The file system after one: of the changes at risk those are there whose bit is set in `survivors`. */
  afterPowerCut(survivors: number): MemoryFiles
}

export function memoryFiles(folders: readonly string[]): MemoryFiles {
  const root: Folder = { entries: new Map() }
  for (const folder of folders) {
    let parent = root
    for (const name of folder.split('/').filter(Boolean)) {
      const child = (parent.entries.get(name) as Folder | undefined) ?? { entries: new Map() }
      parent.entries.set(name, child)
      parent = child
    }
  }
  return filesOf(root)
}

/** `root` is on the disk as it is. */
function filesOf(root: Folder): MemoryFiles {
  const disk: OnDisk = { texts: new Map(), entries: new Map() }
  save(root, disk)
  let pending: Change[] = []

  const find = (path: string): Node => {
    let node: Node = root
    for (const name of path.split('/').filter(Boolean)) {
      const child: Node | undefined = 'entries' in node ? node.entries.get(name) : fail('ENOTDIR', path)
      node = child ?? fail('ENOENT', path)
    }
    return node
  }
  const folderAt = (path: string): Folder => {
    const node = find(path)
    return 'entries' in node ? node : fail('ENOTDIR', path)
  }
  const placeOf = (path: string) => {
    const parts = path.split('/')
    const name = parts.pop() ?? ''
    return { folder: folderAt(parts.join('/')), name }
  }
  const change = (of: Change['of'], apply: Change['apply']) => void pending.push({ of, apply })
  const settle = (node: Node) => {
    const isOf = ({ of }: Change) => (Array.isArray(of) ? of.includes(node) : of === node)
    for (const { apply } of pending.filter(isOf)) apply(disk)
    pending = pending.filter(change => !isOf(change))
  }
  const add = (path: string, node: Node) => {
    const { folder, name } = placeOf(path)
    if (folder.entries.has(name)) fail('EEXIST', path)
    folder.entries.set(name, node)
    change(folder, onDisk => entriesOf(onDisk, folder).set(name, node))
  }
  const take = (path: string) => {
    const { folder, name } = placeOf(path)
    const node = folder.entries.get(name) ?? fail('ENOENT', path)
    folder.entries.delete(name)
    return { folder, name, node }
  }

  return {
    list: async path => [...folderAt(path).entries.keys()],
    async read(path) {
      const node = find(path)
      return 'text' in node ? node.text : fail('EISDIR', path)
    },
    async exists(path) {
      try {
        return find(path) !== undefined
      } catch {
        return false
      }
    },
    changedAt: async () => 0,
    makeFolder: async path => add(path, { entries: new Map() }),
    async removeFolder(path) {
      if (folderAt(path).entries.size > 0) fail('ENOTEMPTY', path)
      const { folder, name, node } = take(path)
      change(folder, onDisk => unset(onDisk, folder, name, node))
    },
    async create(path) {
      const file: File = { text: '' }
      add(path, file)
      return {
        async write(text) {
          file.text += text
          const { text: whole } = file
          change(file, onDisk => onDisk.texts.set(file, whole))
        },
        sync: async () => settle(file),
        close: async () => {},
      }
    },
    async rename(from, to) {
      const target = placeOf(to)
      const occupant = target.folder.entries.get(target.name)
      const moved = find(from)
      if (occupant === moved) return
      if (occupant !== undefined && 'entries' in occupant && occupant.entries.size > 0) fail('ENOTEMPTY', to)
      const { folder, name, node } = take(from)
      target.folder.entries.set(target.name, node)
      change([folder, target.folder], onDisk => {
        unset(onDisk, folder, name, node)
        entriesOf(onDisk, target.folder).set(target.name, node)
      })
    },
    async remove(path) {
      if ('entries' in find(path)) fail('EISDIR', path)
      const { folder, name, node } = take(path)
      change(folder, onDisk => unset(onDisk, folder, name, node))
    },
    sync: async path => settle(folderAt(path)),
    touch: async path => void folderAt(path),
    get atRisk() {
      return pending.length
    },
    afterPowerCut(survivors) {
      const { texts, entries } = disk
      const found = {
        texts: new Map(texts),
        entries: new Map([...entries].map(([folder, names]) => [folder, new Map(names)])),
      }
      for (const [index, { apply }] of pending.entries()) if (survivors & (1 << index)) apply(found)
      return filesOf(copyOf(root, found) as Folder)
    },
  }
}

function entriesOf(onDisk: OnDisk, folder: Folder): Map<string, Node> {
  const entries = onDisk.entries.get(folder) ?? new Map<string, Node>()
  onDisk.entries.set(folder, entries)
  return entries
}

function unset(onDisk: OnDisk, folder: Folder, name: string, node: Node): void {
  const entries = entriesOf(onDisk, folder)
  if (entries.get(name) === node) entries.delete(name)
}

function save(node: Node, disk: OnDisk): void {
  if ('text' in node) return void disk.texts.set(node, node.text)
  disk.entries.set(node, new Map(node.entries))
  for (const child of node.entries.values()) save(child, disk)
}

function copyOf(node: Node, onDisk: OnDisk): Node {
  if ('text' in node) return { text: onDisk.texts.get(node) ?? '' }
  const children = [...entriesOf(onDisk, node)].map(([name, child]) => [name, copyOf(child, onDisk)] as const)
  return { entries: new Map(children) }
}

function fail(code: string, path: string): never {
  throw Object.assign(new Error(`${code}: ${path}`), { code })
}
