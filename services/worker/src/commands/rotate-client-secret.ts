import { duration } from '@latchkey/platform/config/parsers'
import { rotateClientSecret } from '@latchkey/platform/service-clients/manage-service-clients'
import { readArguments, readId } from './arguments.js'
import { runCommand } from './run-command.js'
import { renderCredentials } from './service-client-output.js'

const command = 'clients:rotate-secret'
const given = readArguments(command, '--id ID [--keep 24h] [--json]', ['id', 'keep'])
const id = readId(given)
const keepSeconds = readKeep(given.values.keep ?? '24h')

await runCommand(command, async ({ sql }) =>
  renderCredentials(await rotateClientSecret(sql, { id, keepSeconds }), given),
)

/** How long the secret before is still good: long enough to bring the new one to every machine. */
function readKeep(text: string): number {
  try {
    return duration('0s', '30d')(text)
  } catch (error) {
    return given.refuse(`--keep ${error instanceof Error ? error.message : String(error)}`)
  }
}
