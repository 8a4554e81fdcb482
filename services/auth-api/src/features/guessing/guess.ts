import { AppError } from '@latchkey/contracts/errors'
import type { Sql } from '@latchkey/platform/database/client'
import { toAppError } from '@latchkey/platform/database/errors'
import { newSecurityEvent } from '@latchkey/platform/security-events/security-event'
import type { DevicePass } from '../../device-pass.js'
import type { Deps } from '../../deps.js'
import type { RequestOrigin } from '../../request-origin.js'
import { type GuessSubjects, guessSubjects, type GuessTarget } from './guess-subjects.js'
import { deleteGuesses, findGuessedUser, returnGuess, takeGuess, type TakenGuess } from './queries.js'

export type GuessDeps = Pick<Deps, 'config' | 'events' | 'keyring' | 'limits' | 'sql' | 'turns'>

/** A guess that was counted and may be looked at. */
export interface Guess {
  /** What it was counted for: `openSession` and `clearGuesses` clear it by this. */
  readonly subject: Buffer
  /** After a right guess that is not enough yet: it is no failure, and those before it stay. */
  handBack(): Promise<void>
}

/**
 * Every path on which a password or a code can be guessed goes through here: it counts the guess for the account, or for a device
 * that has a pass, and for the address, and only then lets `check` look at it. Guesses at one account take turns, so that
 * people who sign in at once are not taken for somebody who guesses.
 *
 * `check` throws when the guess was wrong. When it was right it clears what was counted, where it commits what the guess
 * was for: `openSession` does with `guess`, others call `clearGuesses`; or `guess.handBack` where another factor is still to come.
 * @throws AppError rate_limited, too_many_attempts, and what `check` throws.
 */
export function guessAt<Result>(
  deps: GuessDeps,
  target: GuessTarget,
  origin: RequestOrigin,
  check: (guess: Guess) => Promise<Result>,
): Promise<Result> {
  const subjects = guessSubjects(deps.keyring.current, target)
  const turn = (subjects.device ?? subjects.account).toString('base64')
  return deps.turns(turn, async () => {
    const taken = await take(deps, subjects)
    const { subject } = taken
    let isCleared = true
    const handBack = async () => {
      isCleared = false
      await returnGuess(deps.sql, subject)
    }
    try {
      assertOpen(taken)
      const byAddress = `${subject.toString('base64')} ${deps.limits.addressKey(origin.ip)}`
      await deps.limits.consume('loginAccount', byAddress, origin)
      const result = await check({ subject, handBack })
      if (isCleared) await deps.limits.clear('loginAccount', byAddress)
      return result
    } catch (error) {
      if (isFaultOfOurs(error))
        await handBack().catch(() => undefined) // stays counted; the caller hears of what failed first
      else if (taken.beginsLockout) await tellOfLockout(deps, target, subjects, taken, origin)
      throw error
    }
  })
}

/** The same for a user who is known, by a session or a first factor. */
export async function guessAtUser<Result>(
  deps: GuessDeps,
  { userId, pass, origin }: { userId: string; pass: DevicePass | null; origin: RequestOrigin },
  check: (guess: Guess) => Promise<Result>,
): Promise<Result> {
  const user = await findGuessedUser(deps.sql, userId)
  return guessAt(deps, { user, name: `user ${userId}`, pass }, origin, check)
}

/** After a right guess: forgets the failures that were counted with it, and no others. */
export function clearGuesses(sql: Sql, { subject }: Pick<Guess, 'subject'>): Promise<void> {
  return deleteGuesses(sql, subject)
}

type CountedGuess = TakenGuess & Pick<Guess, 'subject'>

/** A device that has locked itself counts as any other: otherwise nothing that unlocks the account would help who sits at it. */
async function take({ config, sql }: GuessDeps, { device, account }: GuessSubjects): Promise<CountedGuess> {
  if (device !== null) {
    const taken = await takeGuess(sql, device, config)
    if (!taken.isLocked || taken.beginsLockout) return { ...taken, subject: device }
  }
  return { ...(await takeGuess(sql, account, config)), subject: account }
}

function assertOpen({ waitSeconds, isLocked }: TakenGuess): void {
  if (waitSeconds === null) return
  const retryAfterSeconds = Math.max(1, Math.ceil(waitSeconds))
  throw new AppError(isLocked ? 'too_many_attempts' : 'rate_limited', undefined, { retryAfterSeconds })
}

/** What fails on our side says nothing of who tried. */
function isFaultOfOurs(error: unknown): boolean {
  const refusal = error instanceof AppError ? error : toAppError(error)
  return refusal === null || refusal.status >= 500
}

/** Once a lockout, whichever attempt brought it about; the owner hears of it by mail. */
async function tellOfLockout(
  { events }: GuessDeps,
  { user }: GuessTarget,
  { device }: GuessSubjects,
  { subject }: CountedGuess,
  origin: RequestOrigin,
): Promise<void> {
  const data = { device: subject === device }
  await events.report(newSecurityEvent('login.locked', { ...origin, userId: user?.id, data }))
}
