const maxReasonLength = 300

/**
 * Whether the server, or the address itself, refuses this mail for good: 5yz, but for 503, which is about the order of commands,
 * and 421, with which a server goes away (RFC 5321, 4.2.1).
 */
export function isFinalRefusal(error: unknown): boolean {
  const { code, responseCode } = factsOf(error)
  if (code !== 'EENVELOPE' && code !== 'EMESSAGE') return false
  return responseCode === null || (responseCode >= 500 && responseCode !== 503)
}

/** What went wrong, in one line and without the person: servers like to quote the address that they refuse. */
export function describeSmtpError(error: unknown, address: string): string {
  const text = error instanceof Error ? error.message : String(error)
  const localPart = address.slice(0, address.lastIndexOf('@'))
  return [address, localPart]
    .reduce((told, person) => replaceAllCases(told, person, '[recipient]'), text)
    .replace(/[\p{C}\s]+/gu, ' ')
    .slice(0, maxReasonLength)
}

/** All that a log says of a recipient. */
export function domainOf(address: string): string {
  return address.slice(address.lastIndexOf('@') + 1)
}

function replaceAllCases(text: string, part: string, replacement: string): string {
  const pattern = part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
  return text.replaceAll(
    new RegExp(String.raw`(?<![\p{L}\p{N}])${pattern}(?![\p{L}\p{N}])`, 'giu'),
    replacement,
  )
}

function factsOf(error: unknown): { code: unknown; responseCode: number | null } {
  if (!(error instanceof Error)) return { code: null, responseCode: null }
  const responseCode = 'responseCode' in error ? error.responseCode : undefined
  return {
    code: 'code' in error ? error.code : null,
    responseCode: typeof responseCode === 'number' ? responseCode : null,
  }
}
