import { listServiceClients } from '@latchkey/platform/service-clients/queries'
import { readArguments } from './arguments.js'
import { runCommand } from './run-command.js'
import { renderClients } from './service-client-output.js'

const command = 'clients:list'
const { isJson } = readArguments(command, '[--json]', [])

await runCommand(command, async ({ sql }) => renderClients(await listServiceClients(sql), { isJson }))
