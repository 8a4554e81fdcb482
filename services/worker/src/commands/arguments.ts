import { parseArgs } from 'node:util'
import { giveUp } from '../startup.js'

/** EX_USAGE of sysexits.h. */
const usageExitCode = 64

export interface CommandArguments<Name extends string> {
  /** Null for an option that was left out. */
  readonly values: Readonly<Record<Name, string | null>>
  readonly isJson: boolean
  /** Says in one line what is wrong with them, and ends the process. */
  readonly refuse: (problem: string) => never
}

/**
 * `--name value` for each of `names`, and `--json`. Nothing else is taken, and nothing twice: of two answers to one question
 * nobody knows which was meant.
 */
export function readArguments<const Name extends string>(
  command: string,
  usage: string,
  names: readonly Name[],
): CommandArguments<Name> {
  const refuse = (problem: string): never =>
    giveUp(command, `${problem}; usage: npm run ${command} -- ${usage}`, usageExitCode)
  try {
    const { values } = parseArgs({
      options: {
        ...Object.fromEntries(names.map((name) => [name, { type: 'string', multiple: true } as const])),
        json: { type: 'boolean' },
      },
    })
    const given: Record<string, string[] | boolean | undefined> = values
    const texts = names.map((name) => [name, readOnce(name, given[name])] as const)
    // Each name has a text or null, as the line above gave it.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const byName = Object.fromEntries(texts) as Record<Name, string | null>
    return { values: byName, isJson: given['json'] === true, refuse }
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error))
  }
}

function readOnce(name: string, given: string[] | boolean | undefined): string | null {
  if (!Array.isArray(given)) return null
  const [text = '', ...more] = given
  if (more.length > 0) throw new Error(`--${name} is given twice`)
  if (text === '') throw new Error(`--${name} is empty`)
  return text
}

const idShape = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** `--id` of a service client. */
export function readId({ values, refuse }: CommandArguments<'id'>): string {
  if (values.id === null) return refuse('--id is missing')
  return idShape.test(values.id) ? values.id.toLowerCase() : refuse('--id must be a client id')
}
