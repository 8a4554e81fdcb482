/**
 * tsx writes `sourcesContent: [null]` into its source maps, which the coverage report takes for an empty file: every source would count as
 * one covered line. Without the field the report reads the source from the disk.
 */
import module from 'node:module'

const { findSourceMap } = module
module.findSourceMap = (path) => {
  const found = findSourceMap(path)
  if (found !== undefined && !Object.hasOwn(found, 'payload')) {
    const { sourcesContent: _, ...payload } = found.payload
    Object.defineProperty(found, 'payload', { value: payload })
  }
  return found
}
module.syncBuiltinESMExports()
