import {
  securityEventTypes,
  type SecurityEvent,
  type SecurityEventType,
  type Severity,
} from '@latchkey/contracts/events'
import { newId } from '../crypto/identifiers.js'
import { cleanAddress, cleanData, cleanId, cleanNullableText } from './clean-text.js'

export type { SecurityEvent } from '@latchkey/contracts/events'

/** What the writer of an event knows; whatever it leaves out is null. */
export interface SecurityEventFields {
  readonly userId?: string | null | undefined
  readonly actorId?: string | null | undefined
  readonly sessionId?: string | null | undefined
  readonly ip?: string | null | undefined
  readonly userAgent?: string | null | undefined
  readonly requestId?: string | null | undefined
  readonly traceId?: string | null | undefined
  readonly data?: Readonly<Record<string, unknown>> | undefined
}

/** An event of now. Every field is made fit for the table, so that what a stranger sent can't make it unstorable. */
export function newSecurityEvent(
  type: SecurityEventType,
  fields: SecurityEventFields,
  severity: Severity = securityEventTypes[type],
): SecurityEvent {
  return {
    id: newId(),
    occurredAt: new Date().toISOString(),
    type,
    severity,
    userId: cleanId(fields.userId),
    actorId: cleanId(fields.actorId),
    sessionId: cleanId(fields.sessionId),
    ip: cleanAddress(fields.ip),
    userAgent: cleanNullableText(fields.userAgent, 512),
    requestId: cleanNullableText(fields.requestId, 128),
    traceId: cleanNullableText(fields.traceId, 64),
    data: cleanData(fields.data ?? {}),
  }
}
