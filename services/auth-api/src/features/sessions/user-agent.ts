import Bowser from 'bowser'
import { LruMap } from 'toad-cache'

export interface Agent {
  /** Browser or app family, without a version: `Chrome`, `Firefox`, `MyApp`. */
  family: string
  /** Operating system, without a version: `Windows`, `iOS`. Empty when it isn't told. */
  platform: string
}

// A list of sessions asks for the same few again and again. Bounded, because attackers choose them.
const described = new LruMap<Agent>(1000)

/** Family and platform of a user agent, as far as they can be told. Never throws, whatever a client sends. */
export function describeAgent(userAgent: string): Agent {
  if (userAgent === '') return { family: '', platform: '' }
  let agent = described.get(userAgent)
  if (agent === undefined) {
    const { browser, os } = Bowser.parse(userAgent)
    agent = { family: knownName(browser.name) ?? firstProduct(userAgent), platform: os.name ?? '' }
    described.set(userAgent, agent)
  }
  return agent
}

/** What the session list shows when the client gave no name; null when the user agent tells nothing. */
export function deviceNameOf(userAgent: string | null): string | null {
  const { family, platform } = describeAgent(userAgent ?? '')
  if (family === '') return null
  return (platform === '' ? family : `${family} on ${platform}`).slice(0, 200)
}

/** What bowser does not know it takes up to the last slash: `MyApp/1.4.2 CFNetwork` of an iOS app, which would change with each version. */
function knownName(name: string | undefined): string | null {
  return name === undefined || name === '' || name.includes('/') ? null : name
}

/** `MyApp/3.1 (build 7)` → `MyApp`: what an app or an HTTP library calls itself. RFC 9110, 10.1.5. */
function firstProduct(userAgent: string): string {
  return userAgent.replace(/[/\s(].*$/s, '')
}
