import { AppError } from '@latchkey/contracts/errors'
import type { App } from '../app-types.js'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const mediaType = 'application/x-www-form-urlencoded'
const formMediaType = /^application\/x-www-form-urlencoded[\t ]*(?:;[\t ]*charset=(?:utf-8|"utf-8")[\t ]*)?$/i
const maxFields = 64

/** In this part of the api only forms come in, which is what OAuth speaks (RFC 6749, appendix B). */
export function registerFormBody(app: App): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(mediaType, { parseAs: 'buffer' }, (request, body, done) => {
    try {
      if (!formMediaType.test(request.headers['content-type'] ?? ''))
        throw new AppError('unsupported_media_type')
      done(null, parseForm(body))
    } catch (error) {
      done(error instanceof Error ? error : new Error('The form parser failed', { cause: error }))
    }
  })
}

/**
 * A field without a value counts as not sent, and one that is sent twice as an attack: whoever checked the form before us may have
 * read the other one (RFC 6749, 3.2).
 */
export function parseForm(body: string | Buffer): Record<string, string> {
  const fields = new Map<string, string>()
  for (const pair of decodeUtf8(body).split('&', maxFields + 1)) {
    const equals = pair.indexOf('=')
    const name = unescape(equals === -1 ? pair : pair.slice(0, equals))
    const value = equals === -1 ? '' : unescape(pair.slice(equals + 1))
    if (fields.has(name)) throw new AppError('malformed_body', 'The form has a parameter twice.')
    if (name !== '') fields.set(name, value)
  }
  if (fields.size >= maxFields) throw new AppError('malformed_body', 'The form has too many parameters.')
  // Not through an object literal's setter: __proto__ is a name like any other.
  return Object.fromEntries([...fields].filter(([, value]) => value !== ''))
}

function unescape(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw new AppError('malformed_body', 'The form is not validly percent-encoded.')
  }
}

function decodeUtf8(body: string | Buffer): string {
  if (typeof body === 'string') return body
  try {
    return decoder.decode(body)
  } catch {
    throw new AppError('malformed_body', 'The form is not valid UTF-8.')
  }
}
