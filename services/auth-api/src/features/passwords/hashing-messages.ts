/** What the service and its hashing process say to each other. */
export type HashingTask =
  | { id: number; kind: 'hash'; password: string; parameters: HashParameters }
  | { id: number; kind: 'verify'; password: string; phc: string }

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
