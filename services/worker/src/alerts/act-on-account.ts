import type { AlertAction } from '@latchkey/contracts/alerts'
import { accountSubject } from '@latchkey/platform/accounts/guess-subject'
import type { Sql } from '@latchkey/platform/database/client'
import type { Deps } from '../deps.js'
import { defendAccount, findEmail, lockGuesses } from './queries.js'

export interface ActedOnAccount {
  /** What was done, in the order of `alertActions`. */
  readonly done: AlertAction[]
  readonly endedSessionIds: readonly string[]
}

/**
 * Does to the account what the rule's actions say. Whoever's account it is done to is always told by mail: nobody shall wonder why they
 * are signed out, and only they can end what `require_second_factor` began. An alert that is about no account has none to act on.
 */
export async function actOnAccount(
  sql: Sql,
  { config, keyring }: Pick<Deps, 'config' | 'keyring'>,
  { userId, alertId, wanted }: { userId: string | null; alertId: string; wanted: readonly AlertAction[] },
): Promise<ActedOnAccount> {
  const endsAll = wanted.includes('end_sessions')
  const requiresProof = wanted.includes('require_second_factor')
  const locks = wanted.includes('lock')
  const isDefended = endsAll || requiresProof || locks
  const nothing = { done: [], endedSessionIds: [] }
  if (userId === null || !(isDefended || wanted.includes('mail_owner'))) return nothing
  const email = await findEmail(sql, userId)
  if (email === null) return nothing

  const endedSessionIds = isDefended
    ? await defendAccount(sql, { userId, alertId, endsAll, requiresProof })
    : []
  if (endedSessionIds === null) return nothing
  if (locks) await lockGuesses(sql, accountSubject(keyring.current, email), config)
  return {
    done: [
      'mail_owner',
      ...wanted.filter((action) => action !== 'mail_owner' && action !== 'mail_operators'),
    ],
    endedSessionIds,
  }
}
