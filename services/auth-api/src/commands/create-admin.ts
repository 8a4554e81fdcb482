import { parseArgs } from 'node:util'
import { normaliseEmail } from '@latchkey/platform/accounts/normalise-email'
import { ConfigError, configErrorExitCode } from '@latchkey/platform/config/config'
import { isInsufficientPrivilege, toAppError } from '@latchkey/platform/database/errors'
import { closeOwnerDeps, createOwnerDeps, type OwnerDeps } from '../deps.js'
import { createAdmin, describeRefusal, promoteToAdmin } from '../features/admin/first-admin/make-admin.js'
import { readPassword } from './read-password.js'

const usage = 'npm run admin:create -- --email E [--name N] [--promote]'
// Of sysexits.h: the command was called wrongly; the same command may go well later.
const usageExitCode = 64
const temporaryFailureExitCode = 75

await run(readArguments())

interface Arguments {
  readonly email: string
  readonly name: string | null
  readonly isPromotion: boolean
}

function readArguments(): Arguments {
  try {
    const { values } = parseArgs({
      options: { email: { type: 'string' }, name: { type: 'string' }, promote: { type: 'boolean' } },
    })
    if (values.email === undefined) throw new Error('--email is missing')
    const email = normaliseEmail(values.email)
    if (email === null) throw new Error('--email is no e-mail address')
    const isPromotion = values.promote === true
    if (isPromotion && values.name !== undefined) throw new Error('--promote changes no --name')
    return { email, name: values.name ?? null, isPromotion }
  } catch (error) {
    return giveUp(`${describeRefusal(error)}; usage: ${usage}`, usageExitCode)
  }
}

async function run({ email, name, isPromotion }: Arguments): Promise<void> {
  const deps = connect()
  try {
    if (isPromotion) {
      const { userId, wasAdmin } = await promoteToAdmin(deps, email)
      console.log(`${email} ${wasAdmin ? 'was an admin before' : 'is an admin now'}: ${userId}`)
      return
    }
    const password = await readPassword({ input: process.stdin, output: process.stderr })
    const { userId } = await createAdmin(deps, { email, name, password })
    console.log(`${email} is an admin: ${userId}`)
  } catch (error) {
    if (isInsufficientPrivilege(error)) giveUp('DATABASE_URL must be the one of the owner, which migrates', 1)
    if (toAppError(error)?.status === 503)
      giveUp(`PostgreSQL is away: ${describeRefusal(error)}`, temporaryFailureExitCode)
    giveUp(describeRefusal(error), 1)
  } finally {
    await closeOwnerDeps(deps)
  }
}

function connect(): OwnerDeps {
  try {
    return createOwnerDeps(process.env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return giveUp(error.message, configErrorExitCode)
  }
}

function giveUp(message: string, exitCode: number): never {
  process.stderr.write(`admin:create: ${message}\n`)
  // oxlint-disable-next-line unicorn/no-process-exit -- open connections would keep a process that does nothing
  process.exit(exitCode)
}
