import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { Refusal } from './parsers.js'
import { findContradictions } from './rules.js'
import type { HostFacts, Setting } from './setting.js'
import { settings, type Config } from './settings.js'

export type { Config } from './settings.js'
export type { Limit } from './parsers.js'

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
 * Secret settings may come from the file that `<NAME>_FILE` names (container secrets).
 */
export function loadConfig(
  env: NodeJS.ProcessEnv,
  host: HostFacts = { cores: availableParallelism(), isTerminal: process.stdout.isTTY === true },
): Config {
  const problems: string[] = []
  const entries = Object.entries<Setting<unknown>>(settings)
  const given = new Map(entries.map(([, setting]) => [setting.env, readText(setting, env, problems)]))
  const byEnv = new Map(entries.map(([, setting]) => [setting.env, setting]))

  const textOf = (name: string): string | undefined => {
    const fallback = byEnv.get(name)?.fallback
    return given.get(name) ?? (typeof fallback === 'object' ? fallback.compute(textOf, host) : fallback)
  }

  const values: Record<string, unknown> = {}
  for (const [name, setting] of entries) {
    const text = textOf(setting.env)
    if (text === undefined) {
      if (setting.presence === 'required' && !isMentioned(setting, env))
        problems.push(`${describeNames(setting)} is required`)
      values[name] = null
      continue
    }
    try {
      values[name] = setting.parse(text)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      // A computed default is only as wrong as the setting that it comes from, which has its own line.
      if (given.get(setting.env) !== undefined) problems.push(describeRefusal(setting, text, error.message))
    }
  }

  if (problems.length > 0) throw new ConfigError(problems)
  const config = values as Config // every name of the table holds what its own parser returned
  const contradictions = findContradictions(config)
  if (contradictions.length > 0) throw new ConfigError(contradictions)
  return Object.freeze(config)
}

/** The text that the operator gave, from the environment or a file; undefined when there is none or it cannot be read. */
function readText(setting: Setting<unknown>, env: NodeJS.ProcessEnv, problems: string[]): string | undefined {
  const texts = envNames(setting).map((name) => {
    const fileName = `${name}_FILE`
    const file = setting.isSecret ? env[fileName] : undefined
    const text = env[name]
    if (text === '') problems.push(`${name} is empty; give it a value or leave it out`)
    if (file === undefined) return text === '' ? undefined : text
    if (text === undefined) return readSecretFile(fileName, file, problems)
    problems.push(`${name} and ${fileName} are both set; give one of them`)
    return undefined
  })
  return texts.find((text) => text !== undefined)
}

function readSecretFile(fileName: string, path: string, problems: string[]): string | undefined {
  try {
    const text = readFileSync(path, 'utf8').replace(/\r?\n$/, '')
    if (text !== '') return text
    problems.push(`${fileName} names an empty file`)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    problems.push(`${fileName} names a file that cannot be read (${code})`)
  }
  return undefined
}

function describeRefusal(setting: Setting<unknown>, text: string, reason: string): string {
  return `${setting.env} ${reason}${setting.isSecret ? '' : `, not ${JSON.stringify(text.slice(0, 80))}`}`
}

function isMentioned(setting: Setting<unknown>, env: NodeJS.ProcessEnv): boolean {
  return envNames(setting).some((name) => env[name] !== undefined || env[`${name}_FILE`] !== undefined)
}

function describeNames(setting: Setting<unknown>): string {
  return envNames(setting).toReversed().join(' (or ') + (setting.preferredEnv === undefined ? '' : ')')
}

/** The more specific name first. */
function envNames(setting: Setting<unknown>): string[] {
  return setting.preferredEnv === undefined ? [setting.env] : [setting.preferredEnv, setting.env]
}
