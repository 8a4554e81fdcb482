/** What the service and its hashing process say to each other. */
export type HashingTask =
  | { id: number; kind: 'hash'; password: string; parameters: HashParameters }
  | {
      id: number
      kind: 'verify'
      stored: string
      /** Spellings of one password; the answer is whether one of them fits. */
      passwords: readonly string[]
      /** In base64; null for none. Goes with the task, so that the process holds no key. */
      signerKey: string | null
    }

export type HashingResult = { id: number; value: string | boolean } | { id: number; failure: string }

/** RFC 9106. */
export interface HashParameters {
  memoryKib: number
  passes: number
  lanes: number
}

export function isHashingResult(message: unknown): message is HashingResult {
  return typeof message === 'object' && message !== null && 'id' in message && typeof message.id === 'number'
}
