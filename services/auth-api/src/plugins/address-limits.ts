import { callbackify } from 'node:util'
import rateLimit, { type FastifyRateLimitStore } from '@fastify/rate-limit'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { App, RouteLimit } from '../app-types.js'
import type { Deps } from '../deps.js'
import { LimitExceeded } from '../limits/limit-exceeded.js'
import type { AddressLimitName, Limits } from '../limits/limits.js'
import { clientAddress, originOf } from '../request-origin.js'

const limitOf: Readonly<Record<RouteLimit, AddressLimitName | null>> = {
  general: 'generalAddress',
  login: 'loginAddress',
  register: 'registerAddress',
  reset: 'resetAddress',
  refresh: null,
  client: null,
  none: null,
}

/** Counts a request by its address and tells the client where it stands. Throws `rate_limited`. */
export type LimitAddress = (request: FastifyRequest, reply: FastifyReply) => Promise<void> | undefined

/**
 * @fastify/rate-limit over the counters of `limits`. A counter knows the limit's name and nothing of the path, so that neither
 * the second prefix nor any spelling of a path buys more attempts. A path that has no route counts as general.
 */
export async function createAddressLimits(app: App, { limits }: Pick<Deps, 'limits'>): Promise<LimitAddress> {
  const store = createStore(limits)
  await app.register(rateLimit, { global: false, store: store.constructor })

  const limiterOf = (
    name: AddressLimitName,
  ): ((request: FastifyRequest, reply: FastifyReply) => Promise<void>) => {
    const { max, windowSeconds } = limits.settings[name]
    const count = app.createRateLimit({
      max,
      timeWindow: windowSeconds * 1000,
      keyGenerator: (request) => storeKey(name, limits.addressKey(clientAddress(request))),
    })
    return async (request, reply) => {
      const result = await count(request)
      if (result.isAllowed) return
      reply.header('ratelimit-limit', result.max)
      reply.header('ratelimit-remaining', result.remaining)
      reply.header('ratelimit-reset', result.ttlInSeconds)
      if (!result.isExceeded) return
      if (store.wasJustExceeded(result.key)) limits.reportExceeded(name, originOf(request))
      throw new LimitExceeded(result.max, result.ttl)
    }
  }
  const limiters = {
    generalAddress: limiterOf('generalAddress'),
    loginAddress: limiterOf('loginAddress'),
    registerAddress: limiterOf('registerAddress'),
    resetAddress: limiterOf('resetAddress'),
  }

  return (request, reply) => {
    const name = limitOf[request.routeOptions.config.limit ?? 'general']
    return name === null ? undefined : limiters[name](request, reply)
  }
}

const names: readonly unknown[] = Object.values(limitOf)

function isAddressLimit(name: string | undefined): name is AddressLimitName {
  return name !== undefined && names.includes(name)
}

function storeKey(name: AddressLimitName, addressKey: string): string {
  return `${name} ${addressKey}`
}

type StoreCallback = Parameters<FastifyRateLimitStore['incr']>[1]

function createStore(limits: Limits) {
  // Keys whose count has just passed the limit, until the request that did it has been told: once a key and window.
  const justExceeded = new Set<string>()

  async function count(key: string, max: number): Promise<{ current: number; ttl: number }> {
    const [name, addressKey = ''] = key.split(' ', 2)
    if (!isAddressLimit(name)) throw new Error(`There is no limit ${name}`)
    const hit = await limits.hit(name, addressKey)
    if (hit.count === max + 1) justExceeded.add(key)
    return { current: hit.count, ttl: hit.resetMs }
  }

  const answerCount = callbackify(count)

  class CounterStore implements FastifyRateLimitStore {
    incr(key: string, callback: StoreCallback, _windowMs: number, max: number): void {
      answerCount(key, max, callback)
    }

    child(): this {
      return this
    }
  }

  return { constructor: CounterStore, wasJustExceeded: (key: string) => justExceeded.delete(key) }
}
