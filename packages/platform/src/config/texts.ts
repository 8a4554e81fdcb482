import { readFileSync } from 'node:fs'
import type { HostFacts, Setting, TextOf } from './setting.js'

/** The text of a setting and the name that it was given under; null when the operator gave none. */
export interface GivenText {
  readonly name: string
  readonly text: string
}

/** What the operator gave for a setting, in the environment or in a file. Adds to `problems` what cannot be read. */
export function readGiven(
  setting: Setting<unknown>,
  env: NodeJS.ProcessEnv,
  problems: string[],
): GivenText | null {
  const given = envNames(setting).map((name) => {
    const text = setting.isSecret ? readSecret(name, env, problems) : env[name]
    if (text === '') problems.push(`${name} is empty; give it a value or leave it out`)
    return text === undefined || text === '' ? null : { name, text }
  })
  return given.find((found) => found !== null) ?? null
}

/** Whether the operator meant to give it, however badly: then its problem has been told. */
export function isMentioned(setting: Setting<unknown>, env: NodeJS.ProcessEnv): boolean {
  return envNames(setting).some((name) => env[name] !== undefined || env[`${name}_FILE`] !== undefined)
}

/** The text of any setting by its name, given or by default. */
export function createTextOf(
  settings: readonly Setting<unknown>[],
  given: ReadonlyMap<string, GivenText | null>,
  host: HostFacts,
): TextOf {
  const fallbacks = new Map(settings.map(({ env, fallback }) => [env, fallback]))
  const textOf: TextOf = (env) => {
    const fallback = fallbacks.get(env)
    return given.get(env)?.text ?? (typeof fallback === 'object' ? fallback.compute(textOf, host) : fallback)
  }
  return textOf
}

function readSecret(name: string, env: NodeJS.ProcessEnv, problems: string[]): string | undefined {
  const fileName = `${name}_FILE`
  const path = env[fileName]
  if (path === undefined) return env[name]
  if (env[name] !== undefined) {
    problems.push(`${name} and ${fileName} are both set; give one of them`)
    return undefined
  }
  try {
    const text = readFileSync(path, 'utf8').replace(/\r?\n$/, '')
    if (text === '') problems.push(`${fileName} names an empty file`)
    return text === '' ? undefined : text
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    problems.push(`${fileName} names a file that cannot be read (${code})`)
    return undefined
  }
}

/** The one that wins first. */
function envNames(setting: Setting<unknown>): string[] {
  return setting.preferredEnv === undefined ? [setting.env] : [setting.preferredEnv, setting.env]
}
