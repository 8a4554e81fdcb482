import { randomBytes } from 'node:crypto'
import { sealedWebhookPlace } from '@latchkey/contracts/webhooks'
import type { Keyring } from '@latchkey/platform/crypto/keyring'
import { seal } from '@latchkey/platform/crypto/seal'

/** Standard Webhooks asks for 24 to 64. */
const secretBytes = 32

export interface NewWebhookSecret {
  /** As libraries for Standard Webhooks take it. */
  readonly secret: string
  readonly sealedSecret: Buffer
}

/** Sealed and not hashed, because the worker signs with it. */
export function newWebhookSecret({ current }: Keyring, webhookId: string): NewWebhookSecret {
  const key = randomBytes(secretBytes)
  return {
    secret: `whsec_${key.toString('base64')}`,
    sealedSecret: seal(current, key, sealedWebhookPlace(webhookId)),
  }
}
