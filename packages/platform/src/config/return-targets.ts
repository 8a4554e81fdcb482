import { Refusal, type Parser } from './parsers.js'

/** Where a browser may be sent back to: an origin, and a path that it and everything under it has. */
export interface ReturnTarget {
  readonly origin: string
  /** Without a slash at its end; empty for the whole origin. */
  readonly path: string
}

/** `https://app.example.com` or `https://app.example.com/signed-in`. */
export const returnTarget: Parser<ReturnTarget> = (text) => {
  const url = URL.canParse(text) ? new URL(text) : null
  const path = url?.pathname.replace(/\/$/, '') ?? ''
  const isHttp = url?.protocol === 'https:' || url?.protocol === 'http:'
  // As the parser of URLs would write it, so that what is compared is what was meant.
  if (url === null || !isHttp || url.origin + path !== text.replace(/\/$/, '') || /[*%]/.test(text))
    throw new Refusal(
      'must list origins like https://app.example.com, in lower case, each with a path or without, and without *',
    )
  return { origin: url.origin, path }
}
