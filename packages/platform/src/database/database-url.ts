import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'

/** Where a database is and how to get in. Everything the driver would otherwise take from PG* variables is settled here. */
export interface DatabaseAddress {
  readonly host: string
  readonly port: number
  /** The path of a Unix socket, when the host is a directory. */
  readonly socketPath: string | null
  readonly user: string
  readonly password: string
  readonly database: string
  readonly tls: false | 'prefer' | ConnectionOptions
}

export type TlsMode = 'disable' | 'require' | 'verify-full'

/**
 * Reads `postgres://user:password@host:port/database?sslmode=…&sslrootcert=…`; `tlsMode` wins over `sslmode`.
 * A directory as host (percent-encoded, as libpq has it) means a Unix socket. Throws an `Error` in words for the operator
 * that names no secret; a parameter that would go unheeded is refused, because it may be one that was meant to protect.
 */
export function parseDatabaseUrl(text: string, tlsMode: TlsMode | null = null): DatabaseAddress {
  if (!URL.canParse(text)) throw new Error('the database URL cannot be read')
  const url = new URL(text)
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:') {
    throw new Error('the database URL must start with postgres://')
  }
  const unheeded = [...url.searchParams.keys()].find((name) => name !== 'sslmode' && name !== 'sslrootcert')
  if (unheeded !== undefined)
    throw new Error(`the database URL has a parameter that is not supported: ${unheeded}`)

  const host = decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, '$1')
  const user = decodeURIComponent(url.username)
  if (host === '' || user === '') throw new Error('the database URL must name a user and a host')
  const port = url.port === '' ? 5432 : Number(url.port)
  const socketPath = host.startsWith('/') ? `${host}/.s.PGSQL.${port}` : null
  return {
    host,
    port,
    socketPath,
    user,
    password: decodeURIComponent(url.password),
    database: decodeURIComponent(url.pathname.slice(1)) || user,
    tls:
      socketPath === null
        ? readTls(host, tlsMode ?? url.searchParams.get('sslmode'), url.searchParams.get('sslrootcert'))
        : false,
  }
}

/** The modes of libpq. Only the two verify modes keep out someone in the middle. */
function readTls(host: string, mode: string | null, rootCertificate: string | null): DatabaseAddress['tls'] {
  const authority =
    rootCertificate === null || rootCertificate === 'system' ? {} : { ca: readCertificate(rootCertificate) }
  switch (mode) {
    case null:
    case 'disable':
      return false
    case 'allow':
    case 'prefer':
      return 'prefer'
    case 'require':
      return { rejectUnauthorized: false }
    case 'verify-ca':
      return { ...authority, rejectUnauthorized: true, checkServerIdentity: () => undefined }
    case 'verify-full':
      // Without a server name, which an IP address is not, Node would compare the certificate with "localhost".
      return {
        ...authority,
        rejectUnauthorized: true,
        ...(isIP(host) === 0 ? { servername: host } : { host }),
      }
    default:
      throw new Error(
        'sslmode in the database URL must be disable, prefer, require, verify-ca or verify-full',
      )
  }
}

function readCertificate(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new Error(`the file of sslrootcert cannot be read: ${path}`, { cause: error })
  }
}
