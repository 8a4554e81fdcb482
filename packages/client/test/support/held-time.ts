import { createClient, memoryStore, type SessionStore } from '@latchkey/client'
import { login } from '@latchkey/client/routes'
import { mock } from 'node:test'
import { fakeServer, json, session, user, type Sent } from './fake-server.js'

export const minute = 60_000
interface TestScope {
  teardown: (release: () => void) => void
}

/** From here on time passes only by `pass` and `outlast`. */
export function holdTime(t: TestScope): void {
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_800_000_000_000 })
  t.teardown(() => mock.timers.reset())
}

/** Lets what is on its way arrive, without time passing. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 30; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

export async function pass(ms: number): Promise<void> {
  mock.timers.tick(ms)
  await settle()
}

/** Time passes until the promise is settled. */
export async function outlast<T>(promise: Promise<T>): Promise<T> {
  const progress = { isSettled: false }
  const settled = promise.finally(() => {
    progress.isSettled = true
  })
  settled.catch(() => undefined)
  for (let turn = 0; turn < 200 && !progress.isSettled; turn += 1) {
    await settle()
    if (!progress.isSettled) mock.timers.tick(500)
  }
  return settled
}

export const rotationOf = ({ body }: Sent): number =>
  Number(((body as { refreshToken?: string }).refreshToken ?? '').split('.')[2])

export const answersWell = {
  '/login': () => json(200, session(0)),
  '/refresh': (request: Sent) => json(200, session(rotationOf(request) + 1)),
  '/logout': () => json(204, null),
  '/orders': () => json(200, { orders: [] }),
  '/me': () => json(200, user),
}

export async function signedIn(
  t: TestScope,
  options: { store?: SessionStore; cookies?: boolean; resourceOrigins?: string[] } = {},
) {
  const server = fakeServer({ ...answersWell })
  const client = createClient({
    url: 'https://auth.example.com',
    store: memoryStore(),
    resourceOrigins: ['https://api.example.com'],
    ...options,
    fetch: server.fetch,
  })
  t.teardown(() => client.close())
  await login(client, { email: user.email, password: 'violet kettle orbits slowly' })
  server.sent.length = 0
  return { client, server }
}

export const orders = 'https://api.example.com/orders'
export const refreshes = (sent: readonly Sent[]): Sent[] => sent.filter(({ url }) => url.endsWith('/refresh'))
export const keysOf = (sent: readonly Sent[]): (string | undefined)[] =>
  refreshes(sent).map(({ headers }) => headers['idempotency-key'])
