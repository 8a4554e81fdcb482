import { HashRefusal, tooCostly } from './hash-refusal.js'

export interface BcryptHash {
  readonly scheme: 'bcrypt'
  /** As `$2b$`, which `$2a$` and `$2y$` are for passwords of at most 72 bytes. */
  readonly modular: string
}

/** bcrypt never looks at what comes behind them. */
export const bcryptBytes = 72

/** 4 is the least that there is; 14 takes a second. */
const costs = { min: 4, max: 14 }

export function readBcrypt(text: string): BcryptHash | null {
  const [, cost, rest] = /^\$2[aby]\$(\d\d)\$([./A-Za-z0-9]{53})$/.exec(text) ?? []
  if (cost === undefined || rest === undefined || Number(cost) < costs.min) return null
  if (Number(cost) > costs.max) throw new HashRefusal(tooCostly)
  return { scheme: 'bcrypt', modular: `$2b$${cost}$${rest}` }
}
