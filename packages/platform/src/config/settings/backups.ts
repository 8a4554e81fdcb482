import { bytes, wholeNumber } from '../parsers.js'
import { defaulted, optional, secret } from '../setting.js'
import { postgresUrl } from './storage.js'

export const backupSettings = {
  backupDir: optional(
    'BACKUP_DIR',
    (text) => text,
    'Folder of its own for backups; with it a worker makes one a day. docs/backups.md tells how. Give it to every worker, or to none.',
  ),
  backupKeep: defaulted(
    'BACKUP_KEEP',
    wholeNumber(1, 1000),
    '7',
    'Backups that are kept in BACKUP_DIR, the newest; older ones are deleted once a new one is good.',
  ),
  backupEncryptionKey: secret(
    optional(
      'BACKUP_ENCRYPTION_KEY',
      bytes(32, 4096),
      'Encrypts backups (AES-256-GCM). At least 32 bytes, for example from `openssl rand -base64 48`. When it is lost, so are they.',
    ),
  ),
  backupPrograms: optional(
    'BACKUP_PROGRAMS',
    (text) => text,
    "Folder with pg_dump and pg_restore of PostgreSQL's version or a later one. Without it they are looked for where packages put them.",
  ),
  backupDatabaseUrl: secret(
    defaulted(
      'BACKUP_DATABASE_URL',
      postgresUrl,
      { words: 'the same as DATABASE_URL', compute: (textOf) => textOf('DATABASE_URL') },
      'PostgreSQL for backups, reached directly, as a user who may read everything and need not change anything.',
    ),
  ),
}
