export interface Tabs {
  /** Says that something has changed, and not what: what it is now is in the store. */
  tell(): void
  watch(listener: () => void): () => void
}

/**
 * The other tabs, by two ways, since neither reaches all: a tab hears no `storage` event of what it did itself or of a storage that is not shared, and
 * BroadcastChannel is missing in old browsers. A tab that was frozen hears of nothing, and looks when it is shown again.
 */
export function watchTabs(name: string): Tabs {
  let channel: BroadcastChannel | null = null
  const listeners = new Set<() => void>()
  const hear = (): void => {
    for (const listener of listeners) listener()
  }
  const hearStorage = ({ key }: StorageEvent): void => {
    if (key === name || key === null) hear()
  }

  function open(): void {
    if (typeof BroadcastChannel === 'function') {
      channel = new BroadcastChannel(name)
      channel.addEventListener('message', hear)
    }
    globalThis.addEventListener?.('storage', hearStorage)
  }

  function close(): void {
    channel?.close()
    channel = null
    globalThis.removeEventListener?.('storage', hearStorage)
  }

  return {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel is its own origin's
    tell: () => channel?.postMessage(null),
    watch(listener) {
      if (listeners.size === 0) open()
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
        if (listeners.size === 0) close()
      }
    },
  }
}
