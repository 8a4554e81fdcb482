import { availableParallelism } from 'node:os'
import { isatty } from 'node:tty'
import { Refusal } from './parsers.js'
import { findContradictions } from './rules.js'
import type { HostFacts, Setting } from './setting.js'
import { settings, type Config } from './settings.js'
import { createTextOf, isMentioned, readGiven, type GivenText } from './texts.js'

export type { Limit, MfaRequirement } from './parsers.js'
export type { Config } from './settings.js'

/** Every problem of the configuration at once, each naming its setting and none showing a secret. */
export class ConfigError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`The configuration cannot be used:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`)
    this.name = 'ConfigError'
    this.problems = problems
  }
}

/** EX_CONFIG of sysexits.h: what a process exits with after a `ConfigError`. */
export const configErrorExitCode = 78

/**
 * Reads, checks and freezes the configuration. Throws `ConfigError`.
 * A secret may come from the file that `<NAME>_FILE` names instead (container secrets).
 */
export function loadConfig(env: NodeJS.ProcessEnv, host?: HostFacts): Config {
  return loadSettings(env, Object.keys(settings).filter(isSettingName), host)
}

/** The same for a command that needs a few settings and must not ask for the rest, such as the secrets of others. */
export function loadSettings<Name extends keyof Config>(
  env: NodeJS.ProcessEnv,
  names: readonly Name[],
  host: HostFacts = { cores: availableParallelism(), isTerminal: isatty(1) },
): Pick<Config, Name> {
  const problems: string[] = []
  const table = names.map((name): [Name, Setting<unknown>] => [name, settings[name]])
  const given = new Map(table.map(([, setting]) => [setting.env, readGiven(setting, env, problems)]))
  const textOf = createTextOf(Object.values<Setting<unknown>>(settings), given, host)

  const values: Record<string, unknown> = {}
  for (const [name, setting] of table) {
    const text = textOf(setting.env)
    if (text !== undefined) parseInto(values, name, setting, text, given.get(setting.env) ?? null, problems)
    else if (setting.presence === 'optional') values[name] = null
    else if (setting.presence === 'required' && !isMentioned(setting, env))
      problems.push(`${describeName(setting)} is required`)
  }
  problems.push(...findContradictions(values))
  if (problems.length > 0) throw new ConfigError(problems)
  // Each name of the table holds what its own parser returned.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return Object.freeze(values as Pick<Config, Name>)
}

function parseInto(
  values: Record<string, unknown>,
  name: string,
  setting: Setting<unknown>,
  text: string,
  given: GivenText | null,
  problems: string[],
): void {
  try {
    values[name] = setting.parse(text)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    // A computed default is only as wrong as the setting that it comes from, which has a line of its own.
    if (given === null) return
    problems.push(
      `${given.name} ${error.message}${setting.isSecret ? '' : `, not ${JSON.stringify(text.slice(0, 80))}`}`,
    )
  }
}

function describeName(setting: Setting<unknown>): string {
  return setting.preferredEnv === undefined ? setting.env : `${setting.env} (or ${setting.preferredEnv})`
}

function isSettingName(name: string): name is keyof Config {
  return name in settings
}
