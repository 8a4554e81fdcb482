import { lockStorage } from '../tabs/storage-lock.js'
import { watchTabs } from '../tabs/watch-tabs.js'
import { memoryStore, type SessionStore } from './session-store.js'

const defaultName = 'latchkey'

/** Shared by all tabs of an origin, and there again tomorrow. Any script of the page can read it. */
export function webStorageStore(
  storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> = localStorage,
  name: string = defaultName,
): SessionStore {
  const tabs = watchTabs(name)
  return {
    read: () => storage.getItem(name),
    write(text) {
      if (text === null) storage.removeItem(name)
      else storage.setItem(name, text)
      tabs.tell()
    },
    watch: (listener) => tabs.watch(listener),
    lock: (isNeeded) => lockStorage(storage, `${name}:lock`, isNeeded),
  }
}

/** localStorage where there is one that works: a browser may forbid it, and Node has none. */
export function defaultStore(): SessionStore {
  try {
    localStorage.getItem(defaultName)
    return webStorageStore()
  } catch {
    return memoryStore()
  }
}
