import { findPortProblem, freePort } from '../ports.js'
import { ServerDied } from './server-process.js'

const attempts = 5

/** Starts a server on `preferred` or another free port. Between asking for a port and using it another program may take it: then once more. */
export async function onFreePort<T>(start: (port: number) => Promise<T>, preferred?: number): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const isWanted =
      attempt === 1 && preferred !== undefined && (await findPortProblem(preferred, '127.0.0.1')) === null
    try {
      return await start(isWanted ? preferred : await freePort())
    } catch (error) {
      const isTaken = error instanceof ServerDied && /address already in use/i.test(error.log)
      if (!isTaken || attempt === attempts) throw error
    }
  }
}
