/** Why a hash cannot be used, worded to follow its name and without a part of it. */
export class HashRefusal extends Error {}

export const tooCostly = 'asks for more than a second of work or 256 MiB of memory'

/** Standard base64, or passlib's with dots, padded or not; null when it is neither, or not of a length from `min` to `max`. */
export function readBase64(text: string, min: number, max: number): Buffer | null {
  if (!/^[A-Za-z0-9+/.]*={0,2}$/.test(text)) return null
  const bytes = Buffer.from(text.replaceAll('.', '+'), 'base64')
  return bytes.length >= min && bytes.length <= max ? bytes : null
}

export const saltBytes = { min: 1, max: 128 } as const
export const keyBytes = { min: 16, max: 64 } as const
