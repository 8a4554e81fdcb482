import { revokeSigningKey } from '@latchkey/platform/signing-keys/revoke-signing-key'
import { rotateSigningKey } from '@latchkey/platform/signing-keys/rotate-signing-key'
import { parseArgs } from 'node:util'
import type { StoreDeps } from '../deps.js'
import { runCommand } from './run-command.js'

await runCommand('keys:rotate', async (deps) => {
  const { values } = parseArgs({ options: { revoke: { type: 'string' } } })
  return values.revoke === undefined ? rotate(deps) : revoke(deps, values.revoke)
})

async function rotate(deps: StoreDeps): Promise<string> {
  const { kid, algorithm, activatesAt } = await rotateSigningKey(deps)
  return `signing key ${kid} (${algorithm}) signs from ${activatesAt.toISOString()} on`
}

async function revoke(deps: StoreDeps, named: string): Promise<string> {
  const { kid, successor } = await revokeSigningKey(deps, named)
  const revoked = `signing key ${kid} is revoked: its tokens are refused within 5 seconds`
  return successor === null ? revoked : `${revoked}; ${successor.kid} (${successor.algorithm}) signs now`
}
