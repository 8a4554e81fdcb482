import type { Sql } from '@latchkey/platform/database/client'
import { fixedStatement } from '@latchkey/platform/database/fixed-statement'
import type { GuessedUser } from './guess-subjects.js'

export interface LockoutSettings {
  lockoutAfter: number
  lockoutDurationSeconds: number
  lockoutMaxSeconds: number
}

export interface TakenGuess {
  /** Null when it may be looked at. */
  waitSeconds: number | null
  /** Whether it is a lockout that it has to wait for. */
  isLocked: boolean
  /** Whether this is the attempt that brings the lockout about; it may itself still be looked at. */
  beginsLockout: boolean
}

const taking = fixedStatement<LockoutSettings & { subject: Buffer }, TakenGuess>(
  (sql, { subject, lockoutAfter, lockoutDurationSeconds, lockoutMaxSeconds }) => sql`
    SELECT taken.*, set_config('synchronous_commit', 'off', true)
    FROM take_guess(${subject}, ${lockoutAfter}, ${lockoutDurationSeconds}, ${lockoutMaxSeconds}) AS taken`,
)

/** Counts an attempt before it is looked at: see `take_guess`. A crash may forget the last of them, so that no guess waits for the disk. */
export async function takeGuess(
  sql: Sql,
  subject: Buffer,
  { lockoutAfter, lockoutDurationSeconds, lockoutMaxSeconds }: LockoutSettings,
): Promise<TakenGuess> {
  const [row] = await sql.run(taking, { subject, lockoutAfter, lockoutDurationSeconds, lockoutMaxSeconds })
  if (row === undefined) throw new Error('take_guess answers one row')
  return row
}

export async function deleteGuesses(sql: Sql, subject: Buffer): Promise<void> {
  await sql`DELETE FROM guess_counters WHERE subject = ${subject}`
}

/** Takes one attempt back, with the pause that followed it. */
export async function returnGuess(sql: Sql, subject: Buffer): Promise<void> {
  await sql`
    WITH gone AS (
      DELETE FROM guess_counters WHERE subject = ${subject} AND attempts = 1
    )
    UPDATE guess_counters SET attempts = attempts - 1, open_at = now() WHERE subject = ${subject} AND attempts > 1`
}

export async function findGuessedUser(sql: Sql, userId: string): Promise<GuessedUser | null> {
  const [row] = await sql<GuessedUser[]>`
    SELECT u.id, u.email, c.password_changed_at
    FROM users u LEFT JOIN credentials c ON c.user_id = u.id
    WHERE u.id = ${userId}`
  return row ?? null
}
