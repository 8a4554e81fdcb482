import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Beside `src` and `dist`, which both lead here. */
const file = join(import.meta.dirname, '../../../pages/sign-in-lost.html')

/** For a browser of which nothing says where it belongs: a sign-in that took too long, was made up, or was begun in another browser. */
export const lostPage = {
  html: readFileSync(file, 'utf8'),
  headers: {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy':
      "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  },
}
