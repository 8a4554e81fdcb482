/**
 * Command and first arguments for a program that a test runs as it was built: Node with nothing preloaded. `npm test` has every process measure its
 * coverage, by NODE_OPTIONS; one that is killed cannot tell of it, and many of a kind tell nothing new.
 */
export const plainNode = ['env', '-u', 'NODE_OPTIONS', process.execPath] as const
