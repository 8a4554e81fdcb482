import type { Setting } from './setting.js'
import { settingSections } from './settings.js'

const header = `# Latchkey's settings. Copy to .env and fill in what is required; what is commented out shows its default.
# Every setting marked "secret" may come from a file instead: NAME_FILE=/run/secrets/name
# All problems are reported at once, and the process exits with 78.
`

/** The text of `.env.example`. */
export function renderEnvExample(): string {
  const sections = settingSections.map(
    ([title, settings]) => `# --- ${title} ---\n\n${Object.values(settings).map(renderSetting).join('\n')}`,
  )
  return [header, ...sections].join('\n')
}

function renderSetting(setting: Setting<unknown>): string {
  const { env, fallback, presence } = setting
  const notes = [
    presence === 'required' && 'required',
    setting.isSecret && 'secret',
    setting.preferredEnv !== undefined && `also as ${setting.preferredEnv}, which wins`,
    typeof fallback === 'object' && `default: ${fallback.words}`,
  ].filter((note) => note !== false)
  const about = notes.length === 0 ? setting.about : `${setting.about} (${notes.join('; ')})`
  const assignment = `${env}=${typeof fallback === 'string' ? fallback : ''}`
  return `# ${about}\n${presence === 'required' ? assignment : `# ${assignment}`}\n`
}
