import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '@latchkey/platform/config/config'

/** Beside `src` and `dist`, which both lead here. */
const folder = join(import.meta.dirname, '../../../pages')

export interface Page {
  readonly path: string
  readonly type: string
  readonly body: Buffer
}

type PageConfig = Pick<Config, 'allowedOrigins' | 'magicLink' | 'useCookieSessions'>

/**
 * What stands behind the links in our mails, for installations without pages of their own. The one of a magic link keeps the
 * session in cookies, since it has no other place for it, and then leads to the first of ALLOWED_ORIGINS.
 */
export function readPages({ allowedOrigins, magicLink, useCookieSessions }: PageConfig): Page[] {
  const names = ['verify-email', 'reset-password', 'confirm-email-change', 'undo-email-change']
  if (magicLink && useCookieSessions) names.push('magic-link')
  const application = escapeAttribute(allowedOrigins[0] ?? '')
  return [
    ...names.map((name) => ({
      path: `/${name}`,
      type: 'text/html; charset=utf-8',
      body: Buffer.from(
        read(`${name}.html`)
          .toString()
          .replace('{{ application }}', () => application),
      ),
    })),
    { path: '/mail-links/page.css', type: 'text/css; charset=utf-8', body: read('page.css') },
    { path: '/mail-links/page.js', type: 'text/javascript; charset=utf-8', body: read('page.js') },
  ]
}

const read = (file: string): Buffer => readFileSync(join(folder, file))

const escapeAttribute = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;')
