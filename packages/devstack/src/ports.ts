import { once } from 'node:events'
import { createServer } from 'node:net'

/** A port that nothing listens on now. Another program may take it before you do: be ready to ask again. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('an IP socket has no port')
  return address.port
}

/** Null when this process could listen there now, else the system's code: EADDRINUSE, EACCES, EADDRNOTAVAIL. */
export async function findPortProblem(port: number, host: string): Promise<string | null> {
  const server = createServer().listen(port, host)
  try {
    await once(server, 'listening')
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error)
  }
  server.close()
  await once(server, 'close')
  return null
}
