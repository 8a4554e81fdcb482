import { OAuthError } from '@latchkey/contracts/oauth-errors'

export interface ClientCredentials {
  readonly clientId: string
  readonly clientSecret: string
}

/** What a request can name its client by. */
export interface PresentedCredentials {
  /** Each Authorization header that was sent. */
  readonly authorization: readonly string[]
  readonly client_id?: string | undefined
  readonly client_secret?: string | undefined
}

// RFC 9110, 11.6.2 and RFC 7617. The bound is far above an id and a secret, however they are escaped.
const basic = /^Basic +([A-Za-z0-9+/]{1,1024}={0,2})$/i
const decoder = new TextDecoder('utf-8', { fatal: true })

/**
 * By client_secret_basic or client_secret_post (RFC 6749, 2.3.1); null when the request names no client in either way, or in a
 * way that cannot be read. @throws OAuthError invalid_request for both ways at once, or two clients: which one was meant?
 */
export function readClientCredentials({
  authorization: [authorization, ...more],
  client_id: clientId,
  client_secret: clientSecret,
}: PresentedCredentials): ClientCredentials | null {
  if (more.length > 0) throw new OAuthError('invalid_request', 'Send one Authorization header.')
  if (authorization === undefined) {
    return clientId === undefined || clientSecret === undefined ? null : { clientId, clientSecret }
  }
  if (clientSecret !== undefined) {
    throw new OAuthError(
      'invalid_request',
      'Send the client secret in the Authorization header or in the form, not in both.',
    )
  }
  const credentials = readBasic(authorization)
  if (credentials !== null && clientId !== undefined && clientId !== credentials.clientId)
    throw new OAuthError('invalid_request', 'The header and the form name two clients.')
  return credentials
}

function readBasic(authorization: string): ClientCredentials | null {
  const encoded = basic.exec(authorization)?.[1]
  if (encoded === undefined) return null
  try {
    const pair = decoder.decode(Buffer.from(encoded, 'base64'))
    const colon = pair.indexOf(':')
    if (colon === -1) return null
    return { clientId: decodeForm(pair.slice(0, colon)), clientSecret: decodeForm(pair.slice(colon + 1)) }
  } catch {
    return null
  }
}

/** RFC 6749, appendix B: both were escaped as in a form before they were joined. */
function decodeForm(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '))
}
