import { endServiceClient } from '@latchkey/platform/service-clients/manage-service-clients'
import { readArguments, readId } from './arguments.js'
import { runCommand } from './run-command.js'

const command = 'clients:disable'
const given = readArguments(command, '--id ID [--json]', ['id'])
const id = readId(given)

await runCommand(command, async ({ sql }) => {
  const name = await endServiceClient(sql, id)
  return given.isJson
    ? JSON.stringify({ clientId: id, name })
    : `disabled ${name}; no api accepts it after 5 s`
})
