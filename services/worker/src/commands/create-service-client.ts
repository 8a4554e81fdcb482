import { createServiceClient } from '@latchkey/platform/service-clients/manage-service-clients'
import { endpointScopes } from '@latchkey/platform/service-clients/service-client'
import { readArguments } from './arguments.js'
import { runCommand } from './run-command.js'
import { renderCredentials } from './service-client-output.js'

const command = 'clients:create'
const { values, isJson, refuse } = readArguments(command, '--name N [--audience A] [--scopes a,b] [--json]', [
  'name',
  'audience',
  'scopes',
])
const name = values.name ?? refuse('--name is missing')
const scopes = values.scopes?.split(',') ?? endpointScopes

await runCommand(command, async ({ sql }) =>
  renderCredentials(await createServiceClient(sql, { name, audience: values.audience, scopes }), { isJson }),
)
