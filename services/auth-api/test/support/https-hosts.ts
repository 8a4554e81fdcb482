import { once } from 'node:events'
import { request, type IncomingHttpHeaders } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createSelfSigned } from './self-signed.js'

interface TestScope {
  teardown: (release: () => Promise<void>) => void
}

/** A request as the front of the api has seen it, with its answer. */
export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly status: number
}

export interface ApiFront {
  readonly port: number
  readonly seen: SeenRequest[]
  /** Where requests go from now on. */
  leadTo(port: number): void
}

const certificate = createSelfSigned()

/** Ends TLS before the api, as a proxy does. */
export async function openApiFront(t: TestScope): Promise<ApiFront> {
  const seen: SeenRequest[] = []
  let target = 0
  const server = createServer(certificate, (near, answer) => {
    const { method = '', url: path = '', headers } = near
    const far = request({ host: '127.0.0.1', port: target, method, path, headers }, (response) => {
      seen.push({ method, path, headers, status: response.statusCode ?? 0 })
      answer.writeHead(response.statusCode ?? 502, response.headers)
      response.pipe(answer)
    })
    far.on('error', () => answer.destroy())
    near.pipe(far)
  })
  const port = await listen(t, server)
  return {
    port,
    seen,
    leadTo: (apiPort) => {
      target = apiPort
    },
  }
}

/** A site with one empty page. */
export async function openSite(t: TestScope): Promise<number> {
  const server = createServer(certificate, (_, answer) => {
    answer.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>a page</title>')
  })
  return listen(t, server)
}

async function listen(t: TestScope, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    server.closeAllConnections()
    await once(server.close(), 'close')
  })
  // An address without a port is that of a pipe.
  return (server.address() as AddressInfo).port
}
