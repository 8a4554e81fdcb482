/** What the browser says of a ceremony. The authenticator has signed it, or its hash stands in what was signed. */
export interface ClientData {
  readonly challenge: string
  readonly origin: string
  /** Whether the page was in a frame of another site, which could lie about what is confirmed. */
  readonly isFramed: boolean
}

/**
 * As much of clientDataJSON as is needed to find the challenge, which is used up before anything else is read. Null for what is no such
 * document.
 */
export function readClientData(clientDataJson: string): ClientData | null {
  let data: unknown
  try {
    data = JSON.parse(Buffer.from(clientDataJson, 'base64url').toString())
  } catch {
    return null
  }
  if (typeof data !== 'object' || data === null) return null
  if (!('challenge' in data) || typeof data.challenge !== 'string') return null
  if (!('origin' in data) || typeof data.origin !== 'string') return null
  const isFramed = ('crossOrigin' in data && data.crossOrigin !== false) || 'topOrigin' in data
  return { challenge: data.challenge, origin: data.origin, isFramed }
}
