import { ConfigError, loadConfig, type Config } from '@latchkey/platform/config/config'

/** The least that a start needs; the secret has neither an example's words nor their variety. */
export const leastEnv = {
  AUTH_SECRET: 'x2J7vQ0mTzK4bN9cR6wY1hL8dF3gS5pA',
  DATABASE_URL: 'postgres://lk@127.0.0.1:5432/lk',
}

export function load(env: NodeJS.ProcessEnv = {}): Config {
  return loadConfig({ ...leastEnv, ...env }, { cores: 4, isTerminal: false })
}

/** The problems that stop a start with these settings; none when it would go on. */
export function problemsOf(env: NodeJS.ProcessEnv): readonly string[] {
  try {
    loadConfig(env, { cores: 4, isTerminal: false })
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}
