// Fault: a restart that waits for clients who have nothing to say; or one that drops a request which was on its way.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { waitFor } from '@latchkey/devstack/wait-for'
import { createTestApp } from './support/test-app.js'

const request = 'GET /health HTTP/1.1\r\nHost: x\r\n\r\n'

t.test('connections that were opened ahead', async (t) => {
  const { app } = await createTestApp(t)
  const { port } = new URL(await app.listen({ port: 0, host: '127.0.0.1' }))
  let accepted = 0
  app.server.on('connection', () => (accepted += 1))
  const open = async (): Promise<Socket> => {
    const socket = connect({ host: '127.0.0.1', port: Number(port) })
    t.teardown(() => socket.destroy())
    await once(socket, 'connect')
    return socket
  }
  const [silent, hesitant, halfSaid] = [await open(), await open(), await open()]
  await waitFor(() => accepted === 3, { what: 'the api to have them', deadlineMs: 5000 })
  halfSaid.write(request.slice(0, 20))

  const startedAt = performance.now()
  const closed = app.close()
  hesitant.write(request)
  t.match(await text(hesitant), /^HTTP\/1\.1 200 OK\r\n/, 'who asks in time is answered')
  await Promise.all([closed, text(silent), text(halfSaid).catch(() => '')])
  t.ok(performance.now() - startedAt < 5000, 'and nobody waits for the others')
})
