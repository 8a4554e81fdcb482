import type { Keeper } from '../keeper.js'
import type { SessionRecord } from '../refresh/record.js'
import type { Api } from './api.js'
import type { Fetch } from './send.js'
import { isAboutToken } from './token-codes.js'

interface AuthorisedFetchOptions {
  keeper: Pick<Keeper, 'need' | 'needAnother'>
  api: Pick<Api, 'csrfHeaders' | 'forgetCsrfToken'>
  fetch: Fetch
  usesCookies: boolean
  apiOrigin: string
  resourceOrigins: readonly string[]
}

type Input = string | URL | Request

export function authorisedFetch(options: AuthorisedFetchOptions) {
  const { keeper, api, fetch, usesCookies, apiOrigin, resourceOrigins } = options

  async function sendAs(
    record: SessionRecord,
    input: string | Request,
    init: RequestInit,
  ): Promise<Response> {
    const headers = new Headers(typeof input === 'string' ? undefined : input.headers)
    for (const [name, value] of new Headers(init.headers)) headers.set(name, value)
    if (record.accessToken !== null) headers.set('authorization', `Bearer ${record.accessToken}`)
    else if (originOf(input) === apiOrigin && !isReading(input, init))
      for (const [name, value] of Object.entries(await api.csrfHeaders())) headers.set(name, value)
    return fetch(input, { ...init, headers, ...(usesCookies && { credentials: 'include' as const }) })
  }

  return async (input: Input, init: RequestInit = {}): Promise<Response> => {
    const origin = originOf(input)
    // A token that is sent to a wrong address is somebody else's.
    if (origin !== apiOrigin && !resourceOrigins.includes(origin))
      throw new TypeError(`${origin} is not one of resourceOrigins: it gets no access token`)

    const request = input instanceof Request ? input : String(input)
    const record = await keeper.need()
    const response = await sendAs(record, request, init)
    if (response.status === 403 && usesCookies && (await codeOf(response)) === 'csrf_invalid') {
      api.forgetCsrfToken() // another tab has signed in
      return canRepeat(request, init) ? sendAs(record, request, init) : response
    }
    if (response.status !== 401) return response
    const isOurs = origin === apiOrigin && isAboutToken(await codeOf(response))
    if (origin === apiOrigin && !isOurs) return response
    const renewed = await keeper.needAnother(record, isOurs)
    if (renewed === null || !canRepeat(request, init)) return response
    await response.body?.cancel()
    return sendAs(renewed, request, init)
  }
}

function originOf(input: Input): string {
  return new URL(input instanceof Request ? input.url : input, globalThis.location?.href).origin
}

/** A stream is gone once it was sent, and to keep a copy of an upload is not for us to decide. */
function canRepeat(input: string | Request, { body, ...init }: RequestInit): boolean {
  if (body === undefined || body === null) return typeof input === 'string' || isReading(input, init)
  return (
    typeof body === 'string' ||
    ArrayBuffer.isView(body) ||
    [URLSearchParams, FormData, Blob, ArrayBuffer].some((kind) => body instanceof kind)
  )
}

function isReading(request: Request | string, init: RequestInit): boolean {
  const method = init.method ?? (typeof request === 'string' ? 'GET' : request.method)
  return ['GET', 'HEAD'].includes(method.toUpperCase())
}

async function codeOf(response: Response): Promise<string | undefined> {
  if (response.headers.get('content-type')?.startsWith('application/problem+json') !== true) return undefined
  const body: unknown = await response
    .clone()
    .json()
    .catch(() => null)
  return typeof body === 'object' && body !== null && 'code' in body ? String(body.code) : undefined
}
