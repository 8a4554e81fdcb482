import { BlockList } from 'node:net'

/** What MaxMind's format holds, as far as a test needs it. */
type Value = string | number | { readonly [key: string]: Value } | readonly Value[]

type Node = [left: Node | Buffer | null, right: Node | Buffer | null]

const types = { string: 2, double: 3, uint32: 6, map: 7, array: 11 }
const recordBytes = 3

/**
 * A database with the networks given in CIDR, by MaxMind's specification 2.0: a binary search tree over the bits of an address, the data
 * that its leaves point to, and a description. Written by hand, because theirs may not be handed on.
 */
export function writeMmdb(networks: Readonly<Record<string, Value>>, ipVersion: 4 | 6 = 6): Buffer {
  const root: Node = [null, null]
  for (const [cidr, value] of Object.entries(networks)) plant(root, bitsOf(cidr, ipVersion), encode(value))
  const nodes = numberNodes(root)
  const places = new Map<Buffer, number>()
  const data: Buffer[] = []
  const tree = nodes.map((node) => Buffer.concat(node.map((child) => record(child))))

  function record(child: Node | Buffer | null): Buffer {
    const written = Buffer.alloc(recordBytes)
    written.writeUIntBE(pointerTo(child), 0, recordBytes)
    return written
  }

  /** The number of nodes itself says that there is nothing; beyond it and a separator begin the data. */
  function pointerTo(child: Node | Buffer | null): number {
    if (child === null) return nodes.length
    if (!Buffer.isBuffer(child)) return nodes.indexOf(child)
    if (!places.has(child)) {
      places.set(child, Buffer.concat(data).length)
      data.push(child)
    }
    return nodes.length + 16 + (places.get(child) ?? 0)
  }

  const description = encode({
    node_count: nodes.length,
    record_size: 8 * recordBytes,
    ip_version: ipVersion,
    database_type: 'Test-City',
    languages: ['en'],
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: 1_790_000_000,
    description: { en: 'of a test' },
  })
  const marker = Buffer.concat([Buffer.from('abcdef', 'hex'), Buffer.from('MaxMind.com')])
  return Buffer.concat([...tree, Buffer.alloc(16), ...data, marker, description])
}

function plant(root: Node, bits: readonly number[], leaf: Buffer): void {
  let node = root
  for (const bit of bits.slice(0, -1)) {
    const next = node[bit === 1 ? 1 : 0]
    if (next !== null && !Buffer.isBuffer(next)) node = next
    else node = node[bit === 1 ? 1 : 0] = [null, null]
  }
  node[bits.at(-1) === 1 ? 1 : 0] = leaf
}

function numberNodes(root: Node): Node[] {
  const nodes = [root]
  for (const node of nodes)
    for (const child of node) if (child !== null && !Buffer.isBuffer(child)) nodes.push(child)
  return nodes
}

/** IPv4 addresses are the last 32 bits of a tree for IPv6. */
function bitsOf(cidr: string, ipVersion: 4 | 6): number[] {
  const [address = '', length = ''] = cidr.split('/')
  const isV4 = !address.includes(':')
  new BlockList().addSubnet(address, Number(length), isV4 ? 'ipv4' : 'ipv6') // refuses what is no network
  const bits = isV4
    ? address.split('.').map((part) => Number(part).toString(2).padStart(8, '0'))
    : groupsOf(address).map((group) => Number.parseInt(group, 16).toString(2).padStart(16, '0'))
  const own = Array.from(bits.join(''), Number).slice(0, Number(length))
  return isV4 && ipVersion === 6 ? [...Array<number>(96).fill(0), ...own] : own
}

function groupsOf(address: string): string[] {
  const [head = '', tail = ''] = address.split('::')
  const front = head.split(':')
  const back = tail === '' ? [] : tail.split(':')
  return [...front, ...Array<string>(8 - front.length - back.length).fill('0'), ...back]
}

function encode(value: Value): Buffer {
  if (typeof value === 'string')
    return withControl(types.string, Buffer.byteLength(value), Buffer.from(value))
  if (typeof value === 'number') return encodeNumber(value)
  if (Array.isArray(value)) return withControl(types.array, value.length, Buffer.concat(value.map(encode)))
  const pairs = Object.entries(value).flatMap(([key, item]) => [encode(key), encode(item)])
  return withControl(types.map, pairs.length / 2, Buffer.concat(pairs))
}

function encodeNumber(value: number): Buffer {
  if (!Number.isInteger(value)) {
    const double = Buffer.alloc(8)
    double.writeDoubleBE(value)
    return withControl(types.double, 8, double)
  }
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return withControl(types.uint32, 4, bytes)
}

/** Type and size in a byte; types above 7 have one of their own. None here is longer than 28. */
function withControl(type: number, size: number, payload: Buffer): Buffer {
  if (size > 28) throw new Error('too long for a test')
  const control = type > 7 ? [size, type - 7] : [(type << 5) | size]
  return Buffer.concat([Buffer.from(control), payload])
}
