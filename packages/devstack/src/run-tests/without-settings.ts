import { settings } from '@latchkey/platform/config/settings'

/** The tests configure what they start: what the person at the terminal has exported for an instance of theirs is no part of it. */
export function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const names = Object.values(settings).flatMap((setting) => {
    const all = 'preferredEnv' in setting ? [setting.env, setting.preferredEnv] : [setting.env]
    return all.flatMap((name) => [name, `${name}_FILE`])
  })
  const unwanted = new Set(names)
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !unwanted.has(name) && !name.startsWith('PG')),
  )
}
