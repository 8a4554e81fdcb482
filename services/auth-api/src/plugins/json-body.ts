import { AppError } from '@latchkey/contracts/errors'
import type { App } from '../app-types.js'
import { assertStrictJson } from './strict-json.js'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const jsonMediaType = /^application\/json[\t ]*(?:;[\t ]*charset=(?:utf-8|"utf-8")[\t ]*)?$/i

/** Only JSON in UTF-8 comes in: a browser's form, which needs no preflight, must never reach a handler. */
export function registerJsonBody(app: App): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    try {
      if (!jsonMediaType.test(request.headers['content-type'] ?? ''))
        throw new AppError('unsupported_media_type')
      done(null, parseJsonBody(body))
    } catch (error) {
      done(error instanceof Error ? error : new Error('The body parser failed', { cause: error }))
    }
  })
}

/** `undefined` for an empty body: its route's schema says whether there may be none. */
export function parseJsonBody(body: string | Buffer): unknown {
  if (body.length === 0) return undefined
  const text = typeof body === 'string' ? body : decodeUtf8(body)
  try {
    const value: unknown = JSON.parse(text)
    assertStrictJson(text, value)
    return value
  } catch (error) {
    if (error instanceof AppError) throw error
    throw new AppError('malformed_body', 'The body is not valid JSON.')
  }
}

function decodeUtf8(bytes: Buffer): string {
  try {
    return decoder.decode(bytes)
  } catch {
    throw new AppError('malformed_body', 'The body is not valid UTF-8.')
  }
}
