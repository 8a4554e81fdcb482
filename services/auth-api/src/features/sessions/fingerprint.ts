import { createHash } from 'node:crypto'
import { isIPv4, isIPv6 } from 'node:net'
import { LruMap } from 'toad-cache'
import { describeAgent } from './user-agent.js'

/** Who asks, as far as a request shows it: 8 bytes for the agent, 8 for the network, hashed apart. */
export type Fingerprint = Buffer

// Attackers choose user agents, and some have many addresses: what is remembered of both is bounded, and long user agents were
// cut before they came here.
const agents = new LruMap<Buffer>(1000)
const networks = new LruMap<Buffer>(5000)

/**
 * Agent: browser or app family and platform, without versions, so that it survives updates.
 * Network: IPv4 /24 or IPv6 /48, so that it survives a new lease. No secret goes in: the row holds both in clear anyway.
 */
export function fingerprintOf(origin: { ip: string; userAgent: string | null }): Fingerprint {
  return Buffer.concat([agentHash(origin.userAgent ?? ''), networkHash(origin.ip)])
}

export const agentOf = (fingerprint: Fingerprint): Buffer => fingerprint.subarray(0, 8)
export const isSameAgent = (a: Fingerprint, b: Fingerprint): boolean => agentOf(a).equals(agentOf(b))
export const isSameNetwork = (a: Fingerprint, b: Fingerprint): boolean => a.subarray(8).equals(b.subarray(8))

function agentHash(userAgent: string): Buffer {
  let hashed = agents.get(userAgent)
  if (hashed === undefined) {
    const { family, platform } = describeAgent(userAgent)
    hashed = hash(`${family}\n${platform}`)
    agents.set(userAgent, hashed)
  }
  return hashed
}

function networkHash(ip: string): Buffer {
  let hashed = networks.get(ip)
  if (hashed === undefined) {
    hashed = hash(networkOf(ip))
    networks.set(ip, hashed)
  }
  return hashed
}

function hash(text: string): Buffer {
  return createHash('sha256').update(text).digest().subarray(0, 8)
}

/** The text of the address's network; an address of no known form is its own network. */
export function networkOf(ip: string): string {
  const v4 = ip.toLowerCase().startsWith('::ffff:') ? ip.slice(7) : ip
  if (isIPv4(v4)) return v4.slice(0, v4.lastIndexOf('.'))
  return isIPv6(ip) ? firstGroups(ip, 3) : ip
}

function firstGroups(ip: string, count: number): string {
  const [address = ''] = ip.split('%', 1)
  const [head = '', tail] = address.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length
  const groups = [...left, ...Array<string>(Math.max(zeros, 0)).fill('0'), ...right]
  return groups
    .slice(0, count)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')
}
