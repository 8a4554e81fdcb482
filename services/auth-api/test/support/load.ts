import { waitFor } from '@latchkey/devstack/wait-for'
import type { RefreshingClient } from './refreshing-client.js'

const total = (clients: RefreshingClient[]) => clients.reduce((sum, { refreshes }) => sum + refreshes, 0)

export async function underLoad(clients: RefreshingClient[], faults: () => Promise<void>): Promise<void> {
  let isOver = false
  const running = clients.map((client) => client.run(() => isOver))
  try {
    await faults()
  } finally {
    isOver = true
    await Promise.all(running)
  }
}

export async function moreRefreshes(clients: RefreshingClient[], count: number): Promise<void> {
  const before = total(clients)
  await waitFor(() => total(clients) >= before + count, {
    what: `${count} more refreshes`,
    deadlineMs: 30_000,
  })
}
