/**
 * The fourth letter is the kind of holder: association, body of individuals, company, LLP (E, where it is not filed as a firm), firm,
 * government, Hindu undivided family, artificial juridical person, local authority, person, trust.
 */
const shape = /^[A-Z]{3}[ABCEFGHJLPT][A-Z]\d{4}[A-Z]$/

/** An Indian Permanent Account Number, in upper case. Its last letter is a check, but the rule is not published. */
export function isPan(text: string): boolean {
  return shape.test(text)
}
