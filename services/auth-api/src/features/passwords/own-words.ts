import type { Config } from '@latchkey/platform/config/config'

/** What an attacker who picks this account tries first. */
export interface PasswordOwner {
  email: string
  username: string | null
  name: string | null
}

const productName = 'latchkey'
const shortestWord = 3

/**
 * The words of the owner's e-mail address, username and name, and those that the service is known by (ASVS 6.2.11). Longest
 * first, so that a whole address is found before its parts.
 */
export function ownWords(
  owner: PasswordOwner,
  { publicUrl, issuer }: Pick<Config, 'publicUrl' | 'issuer'>,
): string[] {
  const [local = '', domain = ''] = owner.email.split('@')
  const hosts = [domain, new URL(publicUrl).hostname, new URL(issuer).hostname]
  const names = [owner.email, local, owner.username ?? '', owner.name ?? '']
  const words = [
    productName,
    ...hosts.flatMap((host) => host.split('.').slice(0, -1)),
    ...names.flatMap((name) => [name, ...name.split(/[\s._+-]+/u)]),
  ]
  return [...new Set(words)]
    .filter((word) => word.length >= shortestWord)
    .toSorted((one, other) => other.length - one.length)
}
