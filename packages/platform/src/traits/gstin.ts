import { isPan } from './pan.js'

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ'

/** State code, PAN, which registration of that holder in the state, a letter for the kind of taxpayer (Z for most), check digit. */
const shape = /^(\d{2})([A-Z]{5}\d{4}[A-Z])[1-9A-Z][0-9A-Z][0-9A-Z]$/

/** States and union territories by census number, 97 for other territory, 99 for the centre. 25 was merged, 28 divided; their numbers still are about. */
const isStateCode = (code: number): boolean => (code >= 1 && code <= 38) || code === 97 || code === 99

/** An Indian Goods and Services Tax identification number, as it is printed: in upper case and without spaces. */
export function isGstin(text: string): boolean {
  const [, state = '', pan = ''] = shape.exec(text) ?? []
  return isStateCode(Number(state)) && isPan(pan) && checkDigitOf(text.slice(0, 14)) === text.at(14)
}

/**
 * Luhn's algorithm in base 36, as the GST Network uses it: values count once and twice in turn, from the left; the two digits in base 36
 * of each product are added up, and the check digit fills the sum to a multiple of 36.
 */
function checkDigitOf(digits: string): string | undefined {
  const sum = Array.from(digits).reduce((total, digit, index) => {
    const product = alphabet.indexOf(digit) * (index % 2 === 0 ? 1 : 2)
    return total + Math.floor(product / 36) + (product % 36)
  }, 0)
  return alphabet[(36 - (sum % 36)) % 36]
}
