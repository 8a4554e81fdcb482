import { AppError } from '@latchkey/contracts/errors'
import type { ReturnTarget } from '@latchkey/platform/config/return-targets'

/** Characters that a URL has as they are. No space, no control, no backslash, which browsers take for a slash. */
const plainUrl = /^https?:\/\/[\w\-.~:/?[\]@!$&'()*+,;=%]+$/

/** Dots and slashes in disguise: a server that decodes a path before it looks may leave the allowed part of it. */
const disguised = /%(2e|2f|5c|25)/i

/**
 * The address to lead back to, once it is certain that it is one of the allowed: an open redirect would hand codes to strangers, and lend
 * our name to their pages (RFC 9700, 4.11). It has no fragment, since what we add is a query.
 * @throws AppError validation_failed.
 */
export function readReturnTo(text: string, allowed: readonly ReturnTarget[]): string {
  const url = plainUrl.test(text) && URL.canParse(text) ? new URL(text) : null
  if (url === null || url.username !== '' || url.password !== '' || !isUnderOneOf(allowed, url)) {
    const errors = [{ path: '/returnTo', message: 'is not under an address of RETURN_TO_ALLOWED' }]
    throw new AppError('validation_failed', undefined, { errors })
  }
  return url.href
}

function isUnderOneOf(allowed: readonly ReturnTarget[], { origin, pathname }: URL): boolean {
  return allowed.some((target) => {
    if (target.origin !== origin) return false
    if (target.path === '') return true
    const isUnder = pathname === target.path || pathname.startsWith(`${target.path}/`)
    return isUnder && !disguised.test(pathname)
  })
}

/** The address with what became of the sign-in. What it had under these names before is nobody's word but the caller's, and goes. */
export function leadBack(returnTo: string, outcome: { code: string } | { error: string }): string {
  const url = new URL(returnTo)
  for (const name of ['code', 'error']) url.searchParams.delete(name)
  for (const [name, value] of Object.entries(outcome)) url.searchParams.set(name, value)
  return url.href
}
