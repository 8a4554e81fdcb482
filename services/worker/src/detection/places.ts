import { readFileSync, statSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { isIPv6 } from 'node:net'
import type { Logger } from '@latchkey/platform/logging/logger'
import { type CityResponse, Reader } from 'mmdb-lib'
import type { SignIn } from './rule.js'

export interface Place {
  /** ISO 3166-1, two letters. */
  readonly country: string
  /** Degrees; null from a database of countries alone. */
  readonly position: { readonly latitude: number; readonly longitude: number } | null
}

/** Where addresses are, by a database in MaxMind's format. */
export interface Places {
  readonly isKnown: boolean
  readonly locate: (ip: string | null) => Place | null
  /** Reads the file again if it was replaced. At most once an hour, and a file that is no good changes nothing. */
  readonly refresh: () => Promise<void>
}

/** GEOIP_DB cannot be read. */
export class GeoIpProblem extends Error {
  override readonly name = 'GeoIpProblem'
}

const refreshEveryMs = 3_600_000
const nowhere: Places = { isKnown: false, locate: () => null, refresh: async () => undefined }

/** @throws GeoIpProblem. */
export function openPlaces(path: string | null, log: Logger, now: () => number = Date.now): Places {
  if (path === null) return nowhere
  let reader: Reader<CityResponse>
  let version: string
  try {
    version = versionOf(statSync(path))
    reader = readDatabase(readFileSync(path))
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new GeoIpProblem(`GEOIP_DB: ${path} is no MaxMind database that can be read: ${why}`)
  }
  let checkedAt = now()
  let hasFailed = false

  /** A file that is broken inside must not stop detection. */
  function lookUp(ip: string): CityResponse | null {
    try {
      return reader.get(ip)
    } catch (error) {
      if (!hasFailed) log.warn({ err: error }, 'GEOIP_DB cannot locate an address')
      hasFailed = true
      return null
    }
  }

  return {
    isKnown: true,
    locate(ip) {
      if (ip === null || (isIPv6(ip) && reader.metadata.ipVersion === 4)) return null
      return placeOf(lookUp(ip))
    },
    async refresh() {
      if (now() - checkedAt < refreshEveryMs) return
      checkedAt = now()
      try {
        const found = versionOf(await stat(path))
        if (found === version) return
        reader = readDatabase(await readFile(path))
        version = found
        hasFailed = false
        log.info({ path }, 'GEOIP_DB was read again')
      } catch (error) {
        log.warn(
          { err: error, path },
          'GEOIP_DB was replaced by what cannot be read; the one before stays in use',
        )
      }
    },
  }
}

const versionOf = ({ mtimeMs, size }: { mtimeMs: number; size: number }): string => `${mtimeMs} ${size}`

/** The description stands at the end: what a copy that was cut short has lost is before it, or all. */
function readDatabase(file: Buffer): Reader<CityResponse> {
  const reader = new Reader<CityResponse>(file)
  const { nodeCount, recordSize } = reader.metadata
  if ((nodeCount * recordSize) / 4 >= file.length) throw new Error('it is cut off')
  return reader
}

/** The file is the operator's, and need not have what the type says. */
function placeOf(found: Partial<CityResponse> | null): Place | null {
  const country = found?.country?.iso_code ?? found?.registered_country?.iso_code
  if (typeof country !== 'string') return null
  const { latitude, longitude } = found?.location ?? {}
  const isPosition = typeof latitude === 'number' && typeof longitude === 'number'
  return { country, position: isPosition ? { latitude, longitude } : null }
}

export function countriesOf(
  signIns: readonly SignIn[],
  locate: (ip: string | null) => Place | null,
): ReadonlySet<string> {
  return new Set(signIns.flatMap(({ ip }) => locate(ip)?.country ?? []))
}

const earthRadiusKm = 6371

/** Along a great circle; null when a position is not known. */
export function distanceKm(from: Place, to: Place): number | null {
  if (from.position === null || to.position === null) return null
  const [fromLatitude, toLatitude] = [radians(from.position.latitude), radians(to.position.latitude)]
  const longitudes = radians(to.position.longitude - from.position.longitude)
  const haversine =
    Math.sin((toLatitude - fromLatitude) / 2) ** 2 +
    Math.cos(fromLatitude) * Math.cos(toLatitude) * Math.sin(longitudes / 2) ** 2
  return 2 * earthRadiusKm * Math.asin(Math.min(1, Math.sqrt(haversine)))
}

const radians = (degrees: number): number => (degrees * Math.PI) / 180
