import { AppError } from '@latchkey/contracts/errors'

/** As JSON in UTF-8. Traits are read with every session, so they are kept small; a blob belongs elsewhere. */
const maxTraitsBytes = 16 * 1024

/** @throws AppError validation_failed. */
export function assertTraitsFit(traits: Readonly<Record<string, unknown>>): void {
  if (Buffer.byteLength(JSON.stringify(traits)) <= maxTraitsBytes) return
  throw new AppError('validation_failed', undefined, {
    errors: [{ path: '/traits', message: `must have at most ${maxTraitsBytes} bytes` }],
  })
}
