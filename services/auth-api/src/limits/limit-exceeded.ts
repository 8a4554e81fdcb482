import { AppError } from '@latchkey/contracts/errors'

/** `rate_limited`, with what the client is told of the limit. */
export class LimitExceeded extends AppError {
  readonly max: number

  constructor(max: number, resetMs: number) {
    super('rate_limited', undefined, { retryAfterSeconds: Math.max(1, Math.ceil(resetMs / 1000)) })
    this.name = 'LimitExceeded'
    this.max = max
  }
}
