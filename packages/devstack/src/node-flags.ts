/**
 * How node is started for auth-api and worker, here as in package.json and the Dockerfile. By default V8 lets the space for new objects grow
 * to 32 MiB on Node 20 and 128 MiB on Node 24, which a service that keeps nothing between requests only fills with garbage.
 */
export const nodeFlags: readonly string[] = ['--max-semi-space-size=4']
