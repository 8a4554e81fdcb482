import { setTimeout as delay } from 'node:timers/promises'
import { createLogger } from '@latchkey/platform/logging/logger'
import { onShutdown } from '@latchkey/platform/shutdown/on-shutdown'

/** A process as a service is one, which ends in the way that its argument names. Tells what it does on standard output. */
const scenario = process.argv[2]
const keepAlive = setInterval(() => {}, 60_000)

onShutdown({
  log: createLogger({ logLevel: 'debug', logPretty: false }, 'worker'),
  deadlineMs: scenario === 'hangs' ? 200 : 10_000,
  steps: [
    {
      name: 'first',
      close: () => {
        if (scenario === 'rejects-meanwhile') void Promise.reject(new Error('late'))
        return delay(20)
      },
    },
    {
      name: 'second',
      close: async () => {
        if (scenario === 'hangs') await new Promise(() => {})
        if (scenario === 'waits') await delay(8000)
        if (scenario === 'fails') throw new Error('cannot close')
      },
    },
    { name: 'third', close: () => clearInterval(keepAlive) },
  ],
})

if (scenario === 'throws')
  setImmediate(() => {
    throw new Error('nobody caught this')
  })
if (scenario === 'rejects') void Promise.reject(new Error('nobody caught this'))
process.stdout.write('{"msg":"up"}\n')
