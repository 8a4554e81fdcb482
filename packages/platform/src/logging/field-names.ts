/** What may stand under a name: anything, an address whose query is cut off, or nothing that leaves the process. */
export type FieldKind = 'plain' | 'address' | 'secret'

// Matched against the end of a name without its separators, so that refreshToken, x-csrf-token and REFRESH_TOKEN are one.
const secretName =
  /(password|passwd|passphrase|secrets?|tokens?|authorization|cookies?|credentials?|privatekey(pem)?|apikey|(?<!status|exit|error)codes?|otp|otpauthurl|seed|hash|idempotencykey|headers|trailers|body|payload|query(string)?|parameters|params|args)$/
const addressName = /(url|uri|href|path)$/

// Nearly all names are known after the first lines. A bound, because an object of someone else's may be logged one day.
const maxKnownNames = 1000
const knownNames = new Map<string, FieldKind>()

export function fieldKind(name: string): FieldKind {
  const known = knownNames.get(name)
  if (known !== undefined) return known
  const plainName = name.replace(/[^a-z0-9]/gi, '').toLowerCase()
  const kind = secretName.test(plainName) ? 'secret' : addressName.test(plainName) ? 'address' : 'plain'
  if (knownNames.size < maxKnownNames) knownNames.set(name, kind)
  return kind
}
