import { createClient, memoryStore, type Client, type SessionStore } from '@latchkey/client'
import { getMe } from '@latchkey/client/routes'
import type { FastifyInstance } from 'fastify'
import { register } from './session-driver.js'

type Injectable = Pick<FastifyInstance, 'inject'>

/** What befalls a refresh on its way. */
export type Fault = 'none' | 'request_lost' | 'answer_lost' | 'request_late' | 'answer_late'

/** The tabs of one browser, whose store has no lock: what they agree on they must agree on without one. */
export interface Tabs {
  readonly sessionId: string
  /** A tab does something that needs its session; its next refresh meets `fault`. Whether it succeeded. */
  call: (tab: number, fault: Fault) => Promise<boolean>
  /** A tab is gone, whatever it was doing: what is answered to it is neither stored nor used. It is opened again. */
  crash: (tab: number) => void
  /** What is late arrives. */
  deliver: () => void
  /** What is late arrives, until `promise` is settled. */
  deliverUntil: <T>(promise: Promise<T>) => Promise<T>
  /** What was to go wrong does not. */
  calm: () => void
  /** A proxy repeats the last refresh. */
  duplicate: () => Promise<number | null>
  /** Tabs that think that nobody is signed in. */
  signedOut: () => number
  signOut: (tab: number) => Promise<boolean>
  close: () => void
}

interface Tab {
  fault: Fault
  isDead: boolean
  readonly death: Promise<'dead'>
  readonly die: () => void
  readonly client: Client
}

/** An access token that is over when it comes: every call refreshes first. */
const shortLived = (body: string): string => body.replace(/"expiresIn":\d+/, '"expiresIn":0.001')

export async function openTabs(app: Injectable, count: number): Promise<Tabs> {
  const store = watchedStore()
  const late = new Set<() => void>()
  let repeat: (() => Promise<number>) | null = null

  const untilDelivered = (): Promise<void> =>
    new Promise((resolve) => {
      late.add(resolve)
    })

  function deliver(): void {
    for (const arrive of late) arrive()
    late.clear()
  }

  async function inject(url: string, init: RequestInit): Promise<Response> {
    const answer = await app.inject({
      method: init.method === 'PATCH' ? 'PATCH' : init.method === 'POST' ? 'POST' : 'GET',
      url: new URL(url).pathname,
      headers: Object.fromEntries(new Headers(init.headers)),
      ...(typeof init.body === 'string' && { payload: init.body }),
    })
    return new Response(answer.statusCode === 204 ? null : shortLived(answer.body), {
      status: answer.statusCode,
      headers: { 'content-type': String(answer.headers['content-type']) },
    })
  }

  function openTab(): Tab {
    let die = (): void => undefined
    const death = new Promise<'dead'>((resolve) => {
      die = () => resolve('dead')
    })
    const tab: Tab = {
      fault: 'none',
      isDead: false,
      death,
      die() {
        tab.isDead = true
        tab.client.close()
        die()
      },
      client: createClient({
        url: 'http://127.0.0.1',
        store: { ...store, write: async (text) => (tab.isDead ? undefined : store.write(text)) },
        async fetch(input, init) {
          const url = typeof input === 'string' ? input : input.url
          if (tab.isDead) throw new TypeError('dead')
          if (!url.endsWith('/refresh')) return inject(url, init)
          const { fault } = tab
          tab.fault = 'none'
          if (fault === 'request_lost') throw new TypeError('lost')
          if (fault === 'request_late') await untilDelivered()
          const answer = await inject(url, init)
          repeat = async () => (await inject(url, init)).status
          if (fault === 'answer_lost') throw new TypeError('lost')
          if (fault === 'answer_late') await untilDelivered()
          return answer
        },
      }),
    }
    return tab
  }

  const tabs = Array.from({ length: count }, openTab)
  const tabAt = (index: number) => {
    const tab = tabs[index % tabs.length]
    if (tab === undefined) throw new Error('There is no tab')
    return tab
  }

  const session = await register(app)
  await tabAt(0).client.signIn({ ...session, expiresIn: 0.001 })
  await Promise.all(tabs.map(async ({ client }) => client.ready))

  return {
    sessionId: session.sessionId,
    async call(index, fault) {
      const tab = tabAt(index)
      tab.fault = fault
      const answer = await Promise.race([tab.death, getMe(tab.client).catch(() => null)])
      return answer !== null
    },
    crash(index) {
      const place = index % tabs.length
      tabAt(index).die()
      tabs[place] = openTab()
    },
    deliver,
    calm() {
      for (const tab of tabs) tab.fault = 'none'
    },
    async deliverUntil(promise) {
      const ticking = setInterval(deliver, 5)
      return promise.finally(() => clearInterval(ticking))
    },
    duplicate: async () => (repeat === null ? null : repeat()),
    signedOut: () => tabs.filter(({ client }) => client.session === null).length,
    signOut: (index) => tabAt(index).client.signOut(),
    close() {
      for (const { client } of tabs) client.close()
    },
  }
}

function watchedStore(): SessionStore {
  const listeners = new Set<() => void>()
  const { read, write } = memoryStore()
  return {
    read,
    async write(text) {
      await write(text)
      for (const listener of listeners) setImmediate(listener)
    },
    watch(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
