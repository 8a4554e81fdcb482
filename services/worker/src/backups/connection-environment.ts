import { parseDatabaseUrl, type TlsMode } from '@latchkey/platform/database/database-url'

/** A look at a table that a migration holds is worth a wait, but not one without end. */
const lockTimeout = '30s'
const connectTimeoutSeconds = 10

export interface ConnectionEnvironment {
  readonly env: Readonly<Record<string, string>>
  /** As `--dbname` takes it. */
  readonly database: string
}

/** A database URL in the words of libpq, as our own connections understand it: a program must not go elsewhere, or less safely. */
export function connectionEnvironment(
  url: string,
  tlsMode: TlsMode | null,
  programMajor: number,
): ConnectionEnvironment {
  const { host, port, socketPath, user, password, database } = parseDatabaseUrl(url, tlsMode)
  const { searchParams } = new URL(url)
  const sslMode = tlsMode ?? searchParams.get('sslmode') ?? 'disable'
  const rootCertificate =
    searchParams.get('sslrootcert') ?? (sslMode.startsWith('verify') && programMajor >= 16 ? 'system' : null)
  return {
    database,
    env: {
      LC_ALL: 'C',
      PGHOST: host,
      PGPORT: String(port),
      PGUSER: user,
      PGPASSWORD: password,
      PGDATABASE: database,
      PGSSLMODE: socketPath === null ? sslMode : 'disable',
      ...(rootCertificate !== null && { PGSSLROOTCERT: rootCertificate }),
      PGAPPNAME: 'latchkey-backup',
      PGCONNECT_TIMEOUT: String(connectTimeoutSeconds),
      PGOPTIONS: `-c statement_timeout=0 -c idle_in_transaction_session_timeout=0 -c lock_timeout=${lockTimeout}`,
      // Nothing of the account that we run as: neither its passwords nor its services.
      PGPASSFILE: '/dev/null',
      PGSERVICEFILE: '/dev/null',
    },
  }
}

/** `--dbname` reads more than a name; this reads as a name whatever is in it. */
export function databaseArgument(database: string): string {
  return `--dbname=dbname='${database.replaceAll(/[\\']/g, String.raw`\$&`)}'`
}
