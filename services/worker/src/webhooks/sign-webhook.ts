import { createHmac } from 'node:crypto'

export interface SignedMessage {
  /** The same at every try, by which a receiver knows what comes twice. */
  readonly id: string
  readonly body: string
  readonly sentAt: Date
}

/**
 * The headers of Standard Webhooks 1.0 (standardwebhooks.com): HMAC-SHA-256 over id, time and body, once by each secret, so that a
 * receiver may know the old one or the new. The time keeps a message that was overheard from being played again later.
 */
export function signWebhook(
  { id, body, sentAt }: SignedMessage,
  secrets: readonly Buffer[],
): Record<string, string> {
  const timestamp = String(Math.floor(sentAt.getTime() / 1000))
  const sign = (secret: Buffer) =>
    `v1,${createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64')}`
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': secrets.map(sign).join(' '),
  }
}
