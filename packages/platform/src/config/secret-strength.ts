// Words that people leave in a copied example. Each is at least seven letters long, so that a random secret has one of them
// less often than once in ten million.
const exampleWords =
  /change.?me|change.?this|replace.?(me|this)|your.?(auth|jwt|secret)|super.?secret|insecure|example|placeholder|password|default|latchkey|development/i

// A random secret of 32 hexadecimal digits has 14 different ones on average, and fewer than 8 four times in a hundred million.
const minVariety = 8

/** Whether a secret was copied from an example, or is a short one written several times. */
export function isExampleSecret(secret: string): boolean {
  // A string that repeats a shorter one occurs in its own double before the end of the first.
  return exampleWords.test(secret) || (secret + secret).indexOf(secret, 1) < secret.length
}

/** Whether a secret of at least 32 bytes is one that somebody may know or guess: few characters, or a run of neighbours. */
export function isGuessableSecret(secret: string): boolean {
  const codes = Array.from(secret, (character) => character.codePointAt(0) ?? 0)
  const steps = codes.slice(1).map((code, index) => code - (codes[index] ?? 0))
  return isExampleSecret(secret) || new Set(codes).size < minVariety || new Set(steps).size < minVariety
}
