import { domainToASCII, domainToUnicode } from 'node:url'

/** RFC 5321, 4.5.3.1: 64 octets before the @, and 256 for a path, two of which are its angle brackets. */
const maxLocalPart = 64
const maxAddress = 254

/** RFC 5322 dot-atom. Quoted and non-ASCII local parts are legal and all but undeliverable, and citext folds only ASCII alike everywhere. */
const localPart = /^[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*$/

/** What may stand in a domain before IDN conversion, which drops CR and LF and reads `%41` and `1.2` in its own way. */
const typedDomain = /^[\p{L}\p{M}\p{N}.-]+$/u

/** RFC 1035 labels, at least two, and a last one that no IPv4 address has. */
const asciiDomain = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])$/

/**
 * The address as it is stored, compared without regard to case and written to: NFKC, the domain in lower-case ASCII. Null for
 * what is no address. Characters are judged before anything is converted, so that no header can be smuggled into a mail.
 */
export function normaliseEmail(text: string): string | null {
  if (/\p{C}/u.test(text)) return null
  const [local = '', domain = '', ...rest] = text.trim().normalize('NFKC').split('@')
  if (rest.length > 0 || local.length > maxLocalPart || !localPart.test(local) || !typedDomain.test(domain))
    return null
  const ascii = domainToASCII(domain.toLowerCase())
  const address = `${local}@${ascii}`
  return asciiDomain.test(ascii) && isOneSpelling(ascii) && address.length <= maxAddress ? address : null
}

/** Some versions of Node take any `xn--` label as it is, others decode one to a name that is written without. */
function isOneSpelling(ascii: string): boolean {
  const unicode = domainToUnicode(ascii)
  return !/(?:^|\.)xn--/.test(unicode) && domainToASCII(unicode) === ascii
}
