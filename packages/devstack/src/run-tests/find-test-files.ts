import { readdirSync, statSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { StartError } from '../start-error.js'

const workspaceFolders = ['packages', 'services']

/**
 * The built files of all tests, or of those that are named by source, relative to `root`. The largest first, because what is still
 * running when no other is left runs alone.
 */
export function findTestFiles(root: string, named: readonly string[]): string[] {
  if (named.length > 0) return named.map((name) => builtFileOf(root, name))
  return [...workspacesIn(root), join(root, 'bench')]
    .map((workspace) => join(workspace, 'dist-test'))
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .filter((path) => path.endsWith('.test.js'))
    .filter((path) => isThere(sourceOf(path)))
    .map((path) => ({ path, size: statSync(path).size }))
    .toSorted((one, other) => other.size - one.size)
    .map(({ path }) => relative(root, path))
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
