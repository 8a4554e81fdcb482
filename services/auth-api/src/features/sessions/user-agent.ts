import Bowser from 'bowser'

export interface Agent {
  /** Browser or app family, without a version: `Chrome`, `Firefox`, `MyApp`. */
  family: string
  /** Operating system, without a version: `Windows`, `iOS`. Empty when it isn't told. */
  platform: string
}

/** Family and platform of a user agent, as far as they can be told. Never throws, whatever a client sends. */
export function describeAgent(userAgent: string): Agent {
  if (userAgent === '') return { family: '', platform: '' }
  const { browser, os } = Bowser.parse(userAgent)
  return { family: browser.name || firstProduct(userAgent), platform: os.name ?? '' }
}

/** What the session list shows when the client gave no name; null when the user agent tells nothing. */
export function deviceNameOf(userAgent: string | null): string | null {
  const { family, platform } = describeAgent(userAgent ?? '')
  if (family === '') return null
  return (platform === '' ? family : `${family} on ${platform}`).slice(0, 200)
}

/** `MyApp/3.1 (build 7)` → `MyApp`: what an app or an HTTP library calls itself. RFC 9110, 10.1.5. */
function firstProduct(userAgent: string): string {
  return userAgent.replace(/[/\s(].*$/s, '')
}
