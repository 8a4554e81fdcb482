// A path is the client's text; enough of it to recognise a route, not enough to fill a disk.
const maxPathLength = 256

/** The parts of a Fastify or Node request that a log line shows. Headers, body and query string are never read. */
interface LoggedRequest {
  method?: string
  url?: string
  ip?: string
  id?: unknown
  routeOptions?: { url?: string | undefined }
}

interface LoggedReply {
  statusCode?: number
  elapsedTime?: number
}

export function serializeRequest(request: LoggedRequest): Record<string, unknown> {
  return {
    method: request.method,
    route: request.routeOptions?.url,
    path: request.url?.split('?', 1)[0]?.slice(0, maxPathLength),
    requestId: request.id,
    ip: request.ip,
  }
}

export function serializeReply(reply: LoggedReply): Record<string, unknown> {
  return {
    status: reply.statusCode,
    ms: reply.elapsedTime === undefined ? undefined : Math.round(reply.elapsedTime * 10) / 10,
  }
}
