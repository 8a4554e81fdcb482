import { AppError } from '@latchkey/contracts/errors'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { App } from '../app-types.js'

interface KnownPath {
  readonly matches: RegExp
  readonly methods: Set<string>
}

/**
 * 404 for a path that nothing answers, 405 with Allow (RFC 9110, 15.5.6) for one that answers other methods. Decided before the
 * body is read. Registered before the routes, so that it sees them all.
 */
export function registerUnknownRoutes(app: App): void {
  const paths = new Map<string, KnownPath>()

  app.addHook('onRoute', ({ url, method }) => {
    if (url.includes('*')) return
    const path = paths.get(url) ?? { matches: patternOf(url), methods: new Set() }
    for (const name of [method].flat()) path.methods.add(name)
    paths.set(url, path)
  })

  function refuse(request: FastifyRequest, reply: FastifyReply): never {
    const path = pathOf(request)
    const known = paths.get(path) ?? [...paths.values()].find(({ matches }) => matches.test(path))
    if (known === undefined) throw new AppError('not_found')
    reply.header('allow', [...known.methods].toSorted().join(', '))
    throw new AppError('method_not_allowed')
  }

  app.addHook('onRequest', (request, reply, done) => {
    if (request.is404 || isPlainOptions(request) || isHidden(request)) refuse(request, reply)
    done()
  })
  app.setNotFoundHandler(refuse)

  /** `/oauth/exchange` is itself for every method, and never the `/oauth/:provider` of one that it does not know. */
  function isHidden(request: FastifyRequest): boolean {
    const { url } = request.routeOptions
    const path = pathOf(request)
    return url?.includes(':') === true && path !== url && paths.has(path)
  }
}

const pathOf = ({ url }: FastifyRequest): string => url.split('?', 1)[0] ?? ''

/** OPTIONS that no browser sent as a preflight: nothing here answers it. */
function isPlainOptions({ method, headers }: FastifyRequest): boolean {
  return (
    method === 'OPTIONS' &&
    (headers.origin === undefined || headers['access-control-request-method'] === undefined)
  )
}

/** `/sessions/:id` as a regular expression over the path as it was sent. */
function patternOf(url: string): RegExp {
  const source = url
    .split('/')
    .map((part) => (part.startsWith(':') ? '[^/]+' : part.replace(/[.+?^$(){}|[\]\\]/g, '\\$&')))
    .join('/')
  return new RegExp(`^${source}$`)
}
