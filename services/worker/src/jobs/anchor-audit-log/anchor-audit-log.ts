import { anchorHead } from '@latchkey/platform/audit-chain/anchor-head'
import type { Deps } from '../../deps.js'
import { appendAnchor } from './anchor-file.js'

/**
 * Signs the end of the audit log, and tells it to whom the database's owner has no power over: the log lines, a file, and by the event
 * `audit.anchored` the webhooks. A file that cannot be written fails the task, so that somebody looks; the other two have it all the same.
 */
export async function anchorAuditLog({
  sql,
  keyring,
  config,
  log,
}: Pick<Deps, 'sql' | 'keyring' | 'config' | 'log'>): Promise<void> {
  const anchor = await anchorHead({ sql, keyring })
  if (anchor === null) return
  log.info({ anchor }, 'audit log anchored')
  if (config.auditAnchorFile !== null) await appendAnchor(config.auditAnchorFile, anchor)
}
