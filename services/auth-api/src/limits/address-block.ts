import { isIPv6 } from 'node:net'
import { plainAddress } from '../request-origin.js'

/** RFC 6177: one customer gets a /64 at least, and counting single addresses of it would count nothing. */
const ipv6PrefixGroups = 4
const ipv6Groups = 8

/** An IPv4 address as it is, an IPv6 address as its /64, in one spelling. */
export function addressBlock(address: string): string {
  const plain = plainAddress(address) ?? address
  if (!isIPv6(plain)) return plain
  return `${expandGroups(plain).slice(0, ipv6PrefixGroups).join(':')}::/64`
}

/** The eight groups without leading zeros. A dotted tail stands for the last two, which no /64 reaches. */
function expandGroups(address: string): string[] {
  const [head = '', tail] = address.toLowerCase().split('::', 2)
  const front = head === '' ? [] : head.split(':')
  const back = tail === undefined || tail === '' ? [] : tail.split(':')
  const backLength = back.length + (back.at(-1)?.includes('.') === true ? 1 : 0)
  const zeros =
    tail === undefined ? [] : Array.from({ length: ipv6Groups - front.length - backLength }, () => '0')
  return [...front, ...zeros, ...back].map((group) => group.replace(/^0+(?=.)/, ''))
}
