import { Type, type Static, type TSchema } from 'typebox'
import {
  deliverWebhooksJob,
  DeliverWebhooksPayload,
  persistSecurityEventsJob,
  PersistSecurityEventsPayload,
  sendMailJob,
  SendMailPayload,
  type MaintenanceJob,
} from '@latchkey/contracts/queues'
import { compileSchema } from '../validation/compile-schema.js'

const NoPayload = Type.Object({}, { additionalProperties: false })

/** The jobs of each queue that this version works on, and what they must carry. */
const payloads = {
  'security-events': { [persistSecurityEventsJob]: PersistSecurityEventsPayload },
  maintenance: {
    'relay-outbox': NoPayload,
    'clean-expired-tokens': NoPayload,
    'rotate-signing-keys': NoPayload,
    'roll-partitions': NoPayload,
    'apply-retention': NoPayload,
    'anchor-audit-log': NoPayload,
    'refresh-stats': NoPayload,
    'back-up': NoPayload,
    'report-on-database': NoPayload,
    'relay-mails': NoPayload,
    'clean-mails': NoPayload,
    'relay-webhooks': NoPayload,
    'clean-webhooks': NoPayload,
    'pseudonymise-erased': NoPayload,
    'detect-attacks': NoPayload,
    'clean-detection': NoPayload,
    'tell-operators': NoPayload,
    'clean-alerts': NoPayload,
  } satisfies Record<MaintenanceJob, TSchema>,
  mail: { [sendMailJob]: SendMailPayload },
  webhooks: { [deliverWebhooksJob]: DeliverWebhooksPayload },
} satisfies Record<string, Record<string, TSchema>>

type Payloads = typeof payloads
export type ConsumedQueue = keyof Payloads

/** A job that was checked: the name tells the type of the data. */
export type ReceivedJob<Q extends ConsumedQueue> = {
  [Name in keyof Payloads[Q]]: {
    readonly id: string
    readonly name: Name
    readonly data: Payloads[Q][Name] extends TSchema ? Static<Payloads[Q][Name]> : never
  }
}[keyof Payloads[Q]]

export interface RawJob {
  readonly id?: string | undefined
  readonly name: string
  readonly data: unknown
}

const validators = new Map(
  Object.entries<Record<string, TSchema>>(payloads).flatMap(([queue, schemas]) =>
    Object.entries(schemas).map(([name, schema]) => [`${queue}/${name}`, compileSchema(schema)] as const),
  ),
)

/** The job as its queue's contract has it, or what is wrong with it. */
export function receiveJob<Q extends ConsumedQueue>(
  queue: Q,
  { id = '', name, data }: RawJob,
): ReceivedJob<Q> | { problem: string } {
  const job = { id, name, data }
  if (isReceivable(queue, job)) return job
  const problem = validators.get(`${queue}/${name}`)?.problemOf(data) ?? null
  return {
    problem:
      problem === null
        ? `This version knows no job ${name}`
        : `The payload is not what the contract says: ${problem}`,
  }
}

function isReceivable<Q extends ConsumedQueue>(queue: Q, job: RawJob): job is RawJob & ReceivedJob<Q> {
  return validators.get(`${queue}/${job.name}`)?.matches(job.data) === true
}
