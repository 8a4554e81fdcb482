/** One customer: an IPv4 address, or an IPv6 /64 (RFC 6177). Addresses as PostgreSQL writes them, in their one spelling. */
export function customerOf(ip: string): string {
  return isLong(ip) ? `${firstGroups(ip, 4)}::/64` : plain(ip)
}

/** What one attacker is likely to hold more of: an IPv4 /24, an IPv6 /48. */
export function networkOf(ip: string): string {
  if (isLong(ip)) return `${firstGroups(ip, 3)}::/48`
  const address = plain(ip)
  const last = address.lastIndexOf('.')
  return last < 0 ? address : `${address.slice(0, last)}.0/24`
}

/** IPv6, unless it is an IPv4 address in IPv6's clothes. */
const isLong = (ip: string): boolean => ip.includes(':') && !ip.includes('.')
const plain = (ip: string): string => ip.slice(ip.lastIndexOf(':') + 1)

function firstGroups(ip: string, count: number): string {
  const [head = '', tail] = ip.split('::', 2)
  const front = head === '' ? [] : head.split(':')
  const back = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : 8 - front.length - back.length
  return [...front, ...Array<string>(Math.max(0, zeros)).fill('0'), ...back].slice(0, count).join(':')
}
