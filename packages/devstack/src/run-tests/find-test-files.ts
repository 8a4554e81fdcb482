import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { StartError } from '../start-error.js'

const workspaceFolders = ['packages', 'services']

/** Test files that one process runs, one after the other. */
export type TestGroup = readonly [string, ...string[]]

const filesPerGroup = 6

/**
 * The built files of all tests, or of those that are named by source, relative to `root`. The largest first, because what is still
 * running when no other is left runs alone.
 */
export function findTestFiles(root: string, named: readonly string[]): TestGroup[] {
  if (named.length > 0) return named.map((name) => [builtFileOf(root, name)])
  return [...workspacesIn(root), join(root, 'bench')]
    .map((workspace) => builtFilesIn(join(workspace, 'dist-test')))
    .flatMap((paths) => groupFiles(paths, (path) => readFileSync(sourceOf(path), 'utf8')))
    .map((group) => ({ group, size: group.reduce((sum, path) => sum + statSync(path).size, 0) }))
    .toSorted((one, other) => other.size - one.size)
    .map(({ group: [first, ...others] }) => [
      relative(root, first),
      ...others.map((path) => relative(root, path)),
    ])
}

function builtFilesIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => join(folder, name))
    .filter((path) => isThere(sourceOf(path)))
    .toSorted()
}

/** Files share a process, because loading what they test takes longer than most of them; but for one that says `// Alone: ` and why. */
export function groupFiles(paths: readonly string[], readSource: (path: string) => string): TestGroup[] {
  const groups: TestGroup[] = []
  let open: TestGroup | null = null
  for (const path of paths) {
    const isAlone = /^\/\/ Alone: \S/m.test(readSource(path))
    if (isAlone) groups.push([path])
    else open = open === null ? [path] : [...open, path]
    if (open?.length === filesPerGroup) {
      groups.push(open)
      open = null
    }
  }
  return open === null ? groups : [...groups, open]
}

function workspacesIn(root: string): string[] {
  return workspaceFolders.flatMap((folder) =>
    readdirSync(join(root, folder)).map((name) => join(root, folder, name)),
  )
}

function builtFileOf(root: string, name: string): string {
  const path = relative(root, resolve(name)).replace('/test/', '/dist-test/').replace(/\.ts$/, '.js')
  if (!path.endsWith('.test.js') || !isThere(join(root, path)))
    throw new StartError(`${name} is no test file`)
  return path
}

/** A build leaves the file of a test that has been taken away. */
function sourceOf(path: string): string {
  return path.replace('/dist-test/', '/test/').replace(/\.js$/, '.ts')
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}
