// Words that people leave in a copied example. Each is at least seven letters long, so that a random secret has one of them
// less often than once in a hundred million.
const exampleWords =
  /change.?me|change.?this|replace.?(me|this)|your.?(auth|jwt|secret)|super.?secret|insecure|example|placeholder|password|default|latchkey|development/i

// A random hexadecimal secret of 32 characters has 14 different ones on average and fewer than 8 once in ten million.
const minVariety = 8

/** Whether a secret is one that somebody else may know or guess, whatever its length. */
export function isGuessableSecret(secret: string): boolean {
  if (exampleWords.test(secret) || isRepetition(secret)) return true
  const characters = Array.from(secret, (character) => character.codePointAt(0) ?? 0)
  const steps = characters.slice(1).map((code, index) => code - (characters[index] ?? 0))
  return new Set(characters).size < minVariety || new Set(steps).size < minVariety
}

/** A string that repeats a shorter one shows up inside itself doubled, before its own end. */
function isRepetition(text: string): boolean {
  return (text + text).indexOf(text, 1) < text.length
}
