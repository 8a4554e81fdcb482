import { revokeSigningKey } from '@latchkey/platform/signing-keys/revoke-signing-key'
import { readArguments } from './arguments.js'
import { runCommand } from './run-command.js'

const command = 'keys:revoke'
const { values, isJson, refuse } = readArguments(command, '--kid KID|current [--json]', ['kid'])
const named = values.kid ?? refuse('--kid is missing')

await runCommand(command, async (deps) => {
  const { kid, successor } = await revokeSigningKey(deps, named)
  if (isJson) return JSON.stringify({ kid, successor: successor?.kid ?? null })
  const revoked = `signing key ${kid} is revoked: its tokens are refused within 5 seconds`
  return successor === null ? revoked : `${revoked}; ${successor.kid} (${successor.algorithm}) signs now`
})
