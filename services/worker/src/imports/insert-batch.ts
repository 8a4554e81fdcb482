import { newId } from '@latchkey/platform/crypto/identifiers'
import { insertSplitting } from '@latchkey/platform/batching/insert-splitting'
import type { Database, Sql } from '@latchkey/platform/database/client'
import { databaseErrorType } from '@latchkey/platform/database/errors'
import { insertFiled } from '@latchkey/platform/traits/queries'
import type { Traits } from '@latchkey/platform/traits/traits'
import type { FieldError } from '@latchkey/contracts/errors'
import type { ImportedUser } from './imported-row.js'
import {
  becomeOwner,
  findPresent,
  findTakenUsernames,
  insertUsers,
  withdrawUsers,
  type NewUser,
} from './queries.js'

export interface StoredBatch {
  readonly imported: number
  /** Rows whose e-mail has an account: from an earlier run, or from elsewhere. */
  readonly present: number
  readonly refused: readonly RefusedUser[]
}

export interface RefusedUser {
  readonly user: ImportedUser
  readonly error: FieldError
}

export interface Store {
  readonly sql: Database
  readonly traits: Pick<Traits, 'toFile'>
}

/**
 * Stores a batch in a transaction of its own, all of it or, when PostgreSQL refuses one of its rows, all but that. To be repeated at will:
 * what is there already is counted and left alone.
 */
export async function insertBatch(
  { sql, traits }: Store,
  users: readonly ImportedUser[],
): Promise<StoredBatch> {
  const { results, refused } = await insertSplitting(
    users.map((user): NewUser => ({ ...user, id: newId() })),
    (some) =>
      untilUndisturbed(() =>
        sql.begin(async (transaction) => {
          await becomeOwner(transaction)
          return insertSome(transaction, traits, some)
        }),
      ),
  )
  return sum([
    ...results,
    {
      imported: 0,
      present: 0,
      refused: refused.map(({ item, error }) => ({
        user: item,
        error: { path: '', message: error.message },
      })),
    },
  ])
}

/** What a batch would do, and the same checks, without a change. */
export async function checkBatch({ sql }: Store, users: readonly ImportedUser[]): Promise<StoredBatch> {
  const given = users.map((user): NewUser => ({ ...user, id: newId() }))
  return sql.begin(async (transaction) => {
    await becomeOwner(transaction)
    const { absent, present } = await splitByPresence(transaction, given)
    const taken = new Set(await findTakenUsernames(transaction, absent))
    const refused = absent.filter(({ id }) => taken.has(id)).map((user) => ({ user, error: usernameTaken }))
    return { imported: absent.length - refused.length, present, refused }
  })
}

const usernameTaken = { path: '/username', message: 'is in use' }

/** Two batches, or somebody who registers, may want the same name at once: then one waits for the other, or gives way. */
async function untilUndisturbed<Result>(work: () => Promise<Result>, triesLeft = 5): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    const type = databaseErrorType(error)
    if (triesLeft === 1 || (type !== 'conflict' && type !== 'timeout')) throw error
    return untilUndisturbed(work, triesLeft - 1)
  }
}

async function insertSome(
  sql: Sql,
  traits: Pick<Traits, 'toFile'>,
  users: readonly NewUser[],
): Promise<StoredBatch> {
  const { absent, present } = await splitByPresence(sql, users)
  const added = new Set(await insertUsers(sql, absent))
  // What was not added has the e-mail or the username of a row that was added a moment ago, or the username of somebody.
  const late = await splitByPresence(
    sql,
    absent.filter(({ id }) => !added.has(id)),
  )
  const clashes = await fileTraits(
    sql,
    traits,
    absent.filter(({ id }) => added.has(id)),
  )
  return {
    imported: added.size - clashes.length,
    present: present + late.present,
    refused: [...late.absent.map((user) => ({ user, error: usernameTaken })), ...clashes],
  }
}

async function splitByPresence(
  sql: Sql,
  users: readonly NewUser[],
): Promise<{ absent: readonly NewUser[]; present: number }> {
  if (users.length === 0) return { absent: [], present: 0 }
  const present = new Set(await findPresent(sql, users))
  return { absent: users.filter(({ id }) => !present.has(id)), present: present.size }
}

/** Files the traits of new users, and takes back those who want a value that somebody has. */
async function fileTraits(
  sql: Sql,
  { toFile }: Pick<Traits, 'toFile'>,
  users: readonly NewUser[],
): Promise<RefusedUser[]> {
  const wanted = users.flatMap((user) => toFile(user.traits).map((trait) => ({ userId: user.id, ...trait })))
  if (wanted.length === 0) return []
  const filed = new Set((await insertFiled(sql, wanted)).map(({ userId, name }) => `${userId} ${name}`))
  const taken = new Map(
    wanted
      .filter(({ userId, name }) => !filed.has(`${userId} ${name}`))
      .map(({ userId, name }) => [userId, name]),
  )
  if (taken.size > 0) await withdrawUsers(sql, [...taken.keys()])
  return users.flatMap((user) => {
    const name = taken.get(user.id)
    return name === undefined ? [] : [{ user, error: { path: `/traits/${name}`, message: 'is in use' } }]
  })
}

function sum(batches: readonly StoredBatch[]): StoredBatch {
  return {
    imported: batches.reduce((total, { imported }) => total + imported, 0),
    present: batches.reduce((total, { present }) => total + present, 0),
    refused: batches.flatMap(({ refused }) => refused),
  }
}
