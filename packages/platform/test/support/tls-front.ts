import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Test } from 'tap'
import { selfSignedCertificate, selfSignedKey } from '@latchkey/devstack/testing/self-signed'

/** Speaks TLS as PostgreSQL does, after an SSLRequest in the clear, with a self-signed certificate; answers its port. */
export async function putTlsInFront(t: Test, targetPort: number): Promise<number> {
  const server = createServer((near) => {
    near.on('error', () => near.destroy())
    near.once('data', () => {
      near.write('S')
      const secure = new TLSSocket(near, { isServer: true, key: selfSignedKey, cert: selfSignedCertificate })
      const far = connect(targetPort, '127.0.0.1')
      secure.pipe(far).pipe(secure)
      for (const socket of [secure, far]) {
        socket.on('error', () => undefined)
        socket.on('close', () => {
          secure.destroy()
          far.destroy()
        })
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => once(server.close(), 'close'))
  return (server.address() as AddressInfo).port
}
