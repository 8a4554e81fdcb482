import { once } from 'node:events'
import { Agent, request, type IncomingMessage } from 'node:http'
import { json } from 'node:stream/consumers'
import type { App } from '@latchkey/auth-api/app-types'

interface TestScope {
  teardown: (release: () => void) => void
}

/** Presents these Authorization headers at GET /me over a socket; answers `accepted` or the code of the refusal. */
export async function openDoor(
  t: TestScope,
  app: App,
): Promise<(headers: string[], query?: string) => Promise<unknown>> {
  const { port } = new URL(await app.listen({ port: 0, host: '127.0.0.1' }))
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  return async (headers, query = '') => {
    const asked = request({
      agent,
      port,
      path: `/api/v1/auth/me${query}`,
      headers: ['Host', 'localhost', ...headers.flatMap((value) => ['Authorization', value])],
    })
    asked.end()
    const [answer] = (await once(asked, 'response')) as [IncomingMessage]
    const body = (await json(answer)) as { code?: string }
    return answer.statusCode === 200 ? 'accepted' : body.code
  }
}
