/**
 * Command and first arguments for a program that a test runs as it was built: Node with nothing preloaded. tap has every process measure its
 * coverage, by NODE_OPTIONS; for built files it throws away what was measured, and it doubles what their start costs.
 */
export const plainNode = ['env', '-u', 'NODE_OPTIONS', process.execPath] as const
