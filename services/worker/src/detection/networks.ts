import { isIPv4, isIPv6 } from 'node:net'

/** One customer: an IPv4 address, or an IPv6 /64 (RFC 6177). PostgreSQL has put the address into its one spelling. */
export function customerOf(ip: string): string {
  return isIPv6(ip) && !isMapped(ip) ? `${firstGroups(ip, 4)}::/64` : plain(ip)
}

/** What one attacker is likely to hold more of: an IPv4 /24, an IPv6 /48. */
export function networkOf(ip: string): string {
  if (isIPv6(ip) && !isMapped(ip)) return `${firstGroups(ip, 3)}::/48`
  const address = plain(ip)
  return isIPv4(address) ? `${address.slice(0, address.lastIndexOf('.'))}.0/24` : address
}

const isMapped = (ip: string): boolean => ip.startsWith('::ffff:') && ip.includes('.')
const plain = (ip: string): string => (isMapped(ip) ? ip.slice(7) : ip)

function firstGroups(ip: string, count: number): string {
  const [head = '', tail] = ip.split('::', 2)
  const front = head === '' ? [] : head.split(':')
  const back = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : 8 - front.length - back.length
  return [...front, ...Array<string>(Math.max(0, zeros)).fill('0'), ...back].slice(0, count).join(':')
}
