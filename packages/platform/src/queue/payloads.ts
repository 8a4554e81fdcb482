import { Type, type Static, type TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import {
  maintenanceJobs,
  persistSecurityEventsJob,
  PersistSecurityEventsPayload,
  type MaintenanceJob,
} from '@latchkey/contracts/queues'

const NoPayload = Type.Object({}, { additionalProperties: false })

const maintenancePayloads = Object.fromEntries(maintenanceJobs.map((name) => [name, NoPayload])) as Record<
  MaintenanceJob,
  typeof NoPayload
>

/** The jobs of each queue that this version works on, and what they must carry. */
const payloads = {
  'security-events': { [persistSecurityEventsJob]: PersistSecurityEventsPayload },
  maintenance: maintenancePayloads,
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
    Object.entries(schemas).map(([name, schema]) => [`${queue}/${name}`, Compile(schema)] as const),
  ),
)

/** The job as its queue's contract has it, or what is wrong with it. */
export function receiveJob<Q extends ConsumedQueue>(
  queue: Q,
  job: RawJob,
): ReceivedJob<Q> | { problem: string } {
  const validator = validators.get(`${queue}/${job.name}`)
  if (validator === undefined) return { problem: `This version knows no job ${job.name}` }
  if (validator.Check(job.data)) {
    // The name and the schema that was just checked are one entry of `payloads`, which is where the type comes from.
    return { id: job.id ?? '', name: job.name, data: job.data } as ReceivedJob<Q>
  }
  const [first] = validator.Errors(job.data)
  return {
    problem: `The payload is not what the contract says: ${first?.instancePath ?? ''} ${first?.message ?? ''}`,
  }
}
