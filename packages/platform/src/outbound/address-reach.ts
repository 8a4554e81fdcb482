import { BlockList, isIP, isIPv6 } from 'node:net'

/** `allowed`: the operator has named its network. `public`: anybody may reach it. `forbidden`: neither. */
export type Reach = 'allowed' | 'public' | 'forbidden'

/** Not globally reachable (IANA's special-purpose registry), for groups, or a cloud's own. */
const notPublicV4 = blockListOf([
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10', // carrier-grade NAT (RFC 6598), and Alibaba Cloud's metadata at 100.100.100.200
  '127.0.0.0/8',
  '168.63.129.16/32', // Azure's own, in every virtual machine, at an address that is public elsewhere
  '169.254.0.0/16', // link-local, and the metadata of most clouds at 169.254.169.254
  '172.16.0.0/12',
  '192.0.0.0/24', // protocol assignments, and Oracle Cloud's metadata at 192.0.0.192
  '192.0.2.0/24',
  '192.88.99.0/24', // relays of 6to4 (RFC 7526)
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4', // reserved, and the broadcast address
])

/** All else of IPv6 is local, mapped, reserved or for groups: what is not known to be public is not. */
const globalUnicastV6 = blockListOf(['2000::/3'])
const notPublicV6 = blockListOf([
  '2001::/23', // protocol assignments, Teredo (RFC 4380) and ORCHID among them
  '2001:db8::/32',
  '2002::/16', // 6to4 (RFC 3056) leads to any IPv4 address
  '3fff::/20', // documentation (RFC 9637)
])

/** IPv4 in the guise of IPv6: mapped (RFC 4291, 2.5.5.2), and behind NAT64 (RFC 6052), by which hosts without IPv4 reach it. */
const disguisedV4 = blockListOf(['::ffff:0:0/96', '64:ff9b::/96'])

export function blockListOf(networks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', bits] = network.split('/')
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    list.addSubnet(address, bits === undefined ? (family === 'ipv6' ? 128 : 32) : Number(bits), family)
  }
  return list
}

/** How far an address may be reached. What is no plain address, such as one with a zone, may not. */
export function reachOf(address: string, allowed: BlockList): Reach {
  if (address.includes('%') || isIP(address) === 0) return 'forbidden'
  if (!isIPv6(address)) return reachOfV4(address, allowed)
  if (disguisedV4.check(address, 'ipv6')) return reachOfV4(lastFourBytes(address), allowed)
  if (allowed.check(address, 'ipv6')) return 'allowed'
  const isPublic = globalUnicastV6.check(address, 'ipv6') && !notPublicV6.check(address, 'ipv6')
  return isPublic ? 'public' : 'forbidden'
}

function reachOfV4(address: string, allowed: BlockList): Reach {
  if (allowed.check(address, 'ipv4')) return 'allowed'
  return notPublicV4.check(address, 'ipv4') ? 'forbidden' : 'public'
}

/** Of an IPv6 address, as one of IPv4. The URL standard (4.3.2.5) writes it in groups of hexadecimal digits, however it was written. */
function lastFourBytes(address: string): string {
  const { hostname } = new URL(`http://[${address}]`)
  const groups = hostname.slice(1, -1).replace('::', ':0:').split(':').slice(-2)
  return groups.flatMap((group) => twoBytes(Number.parseInt(group || '0', 16))).join('.')
}

const twoBytes = (word: number): number[] => [word >> 8, word & 0xff]
