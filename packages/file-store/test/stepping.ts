/** A file system whose steps a test holds in its hands: each goes through `step` before it is done. */
import type { Files, NewFile } from '../src/files.js'

/** Called before each step; does it by calling `act`, or throws. */
export type Step = <T>(act: () => Promise<T>, name: string) => Promise<T>

export function stepping(files: Files, step: Step): Files {
  const newFile = (file: NewFile): NewFile => ({
    async write(text) {
      // A write may stop half-way, too.
      const half = text.length >> 1
      await step(() => file.write(text.slice(0, half)), 'write')
      await step(() => file.write(text.slice(half)), 'write')
    },
    sync: () => step(() => file.sync(), 'sync'),
    // The system closes the files of a process that was killed.
    close: () => step(async () => {}, 'close').finally(() => file.close()),
  })
  return {
    list: folder => step(() => files.list(folder), 'list'),
    read: path => step(() => files.read(path), 'read'),
    exists: path => step(() => files.exists(path), 'exists'),
    changedAt: path => step(() => files.changedAt(path), 'changedAt'),
    makeFolder: path => step(() => files.makeFolder(path), 'makeFolder'),
    removeFolder: path => step(() => files.removeFolder(path), 'removeFolder'),
    create: async path => newFile(await step(() => files.create(path), 'create')),
    rename: (from, to) => step(() => files.rename(from, to), 'rename'),
    remove: path => step(() => files.remove(path), 'remove'),
    sync: folder => step(() => files.sync(folder), 'sync'),
    touch: folder => step(() => files.touch(folder), 'touch'),
  }
}

/** Does so many steps and none after that: as if the process had been killed there. */
export function stoppingAfter(
  files: Files,
  steps: number,
): { readonly files: Files; readonly done: readonly string[] } {
  const done: string[] = []
  const step: Step = async (act, name) => {
    if (done.length >= steps) throw new Error(`stopped before ${name}`)
    done.push(name)
    return act()
  }
  return { files: stepping(files, step), done }
}

/** Fails one step, the disk being full or broken, and does all the others. */
export function failingAt(
  files: Files,
  index: number,
  code: string,
): { readonly files: Files; readonly hasFailed: () => boolean } {
  let steps = 0
  const step: Step = async act => {
    if (steps++ === index) throw Object.assign(new Error(`${code}: by the test`), { code })
    return act()
  }
  return { files: stepping(files, step), hasFailed: () => steps > index }
}
