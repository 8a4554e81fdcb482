import { rotateSigningKey } from '@latchkey/platform/signing-keys/rotate-signing-key'
import { runCommand } from './run-command.js'

await runCommand('keys:rotate', async (deps) => {
  const { kid, algorithm, activatesAt } = await rotateSigningKey(deps)
  return `signing key ${kid} (${algorithm}) signs from ${activatesAt.toISOString()} on`
})
