import { isIP } from 'node:net'
import { listOf, Refusal, type Parser } from '../parsers.js'
import { defaulted } from '../setting.js'

/** Whatever is listed may be asked for by whoever can name a URL, so that all of it is refused. */
const reachableNetwork: Parser<string> = (text) => {
  const [address = '', bits, ...rest] = text.split('/')
  const family = isIP(address)
  const isPrefix =
    bits === undefined || (/^[1-9]\d{0,2}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
  if (family === 0 || !isPrefix || rest.length > 0 || address.includes('%'))
    throw new Refusal('must list IP addresses or CIDRs like 10.20.0.0/16; /0 is not accepted')
  return text
}

export const outboundSettings = {
  outboundAllowedNetworks: defaulted(
    'OUTBOUND_ALLOWED_NETWORKS',
    (text) => (text === 'none' ? [] : listOf(reachableNetwork)(text)),
    'none',
    'Networks beside the public ones that webhooks and identity providers may be in, also by http: CIDRs separated by commas; none for none.',
  ),
}
