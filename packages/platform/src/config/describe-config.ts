import type { Setting } from './setting.js'
import { settings, type Config } from './settings.js'

/** What a process runs with, for its start-up line. Secrets, and URLs that may hold one, show as `set` or `unset`. */
export function describeConfig(config: Config): Record<string, unknown> {
  const values = new Map<string, unknown>(Object.entries(config))
  return Object.fromEntries(
    Object.entries<Setting<unknown>>(settings).map(([name, { isSecret }]) => {
      const value = values.get(name)
      return [name, isSecret ? (value === null ? 'unset' : 'set') : value]
    }),
  )
}
