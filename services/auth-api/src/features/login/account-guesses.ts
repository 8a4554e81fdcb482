import type { Deps } from '../../deps.js'
import type { RequestOrigin } from '../../request-origin.js'

type LimitDeps = Pick<Deps, 'limits'>

/**
 * Counts a guess at an account's password from an address, before it is looked at, so that parallel guesses cannot outrun the
 * counter. `account` is the user's id, however the account was named and wherever its password is asked for; where there is
 * no user, what was typed.
 * @throws AppError rate_limited.
 */
export function countGuess({ limits }: LimitDeps, account: string, origin: RequestOrigin): Promise<void> {
  return limits.consume('loginAccount', keyOf(limits, account, origin), origin)
}

/** After a right one: of this account and address, and of no other. */
export function clearGuesses({ limits }: LimitDeps, account: string, origin: RequestOrigin): Promise<void> {
  return limits.clear('loginAccount', keyOf(limits, account, origin))
}

const keyOf = (limits: Deps['limits'], account: string, origin: RequestOrigin): string =>
  `${account} ${limits.addressKey(origin.ip)}`
