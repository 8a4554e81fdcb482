import { Type, type Static } from 'typebox'

/** Severity of each event when its writer has no reason for another. Types are `noun.past_tense`. */
export const securityEventTypes = {
  'user.registered': 'info',
  'user.registration_requested': 'info',
  'user.registration_repeated': 'notice',
  'login.succeeded': 'info',
  'login.failed': 'notice',
  'login.locked': 'warning',
  'session.refreshed': 'notice',
  'session.revoked': 'info',
  'session.reuse_detected': 'critical',
  'session.generation_recovered': 'warning',
  'session.device_changed': 'warning',
  'session.stepped_up': 'info',
  'password.changed': 'notice',
  'password.reset_requested': 'notice',
  'password.reset': 'notice',
  'magic_link.requested': 'info',
  'email.verification_requested': 'info',
  'email.verified': 'info',
  'email.change_requested': 'notice',
  'email.changed': 'notice',
  'email.change_undone': 'warning',
  'mfa.challenged': 'info',
  'mfa.enabled': 'notice',
  'mfa.disabled': 'warning',
  'mfa.failed': 'notice',
  'recovery_code.used': 'warning',
  'recovery_codes.replaced': 'notice',
  'passkey.added': 'notice',
  'passkey.removed': 'notice',
  'identity.linked': 'notice',
  'identity.unlinked': 'notice',
  'roles.changed': 'warning',
  'user.disabled': 'warning',
  'user.enabled': 'notice',
  'user.invited': 'notice',
  'user.deleted': 'warning',
  'users.imported': 'warning',
  'user.exported': 'notice',
  'rate_limit.exceeded': 'notice',
  'csrf.rejected': 'warning',
  'alert.raised': 'warning',
  'key.rotated': 'notice',
  'key.revoked': 'critical',
  'admin.acted': 'notice',
  'admin.refused': 'warning',
  'backup.completed': 'info',
  'backup.failed': 'critical',
  'backup.restored': 'critical',
  'client.created': 'notice',
  'client.secret_rotated': 'notice',
  'client.disabled': 'warning',
  'client.authentication_failed': 'warning',
} as const satisfies Record<string, Severity>

export type Severity = 'info' | 'notice' | 'warning' | 'critical'
export type SecurityEventType = keyof typeof securityEventTypes

const nullableId = Type.Union([Type.String({ format: 'uuid' }), Type.Null()])
const nullableText = (maxLength: number) => Type.Union([Type.String({ maxLength }), Type.Null()])

export const SecurityEvent = Type.Object(
  {
    id: Type.String({ format: 'uuid', description: 'UUIDv7; persistence is idempotent by it' }),
    occurredAt: Type.String({ format: 'date-time' }),
    type: Type.Unsafe<SecurityEventType>({ type: 'string', enum: Object.keys(securityEventTypes) }),
    severity: Type.Unsafe<Severity>({ type: 'string', enum: ['info', 'notice', 'warning', 'critical'] }),
    userId: nullableId,
    actorId: nullableId,
    sessionId: nullableId,
    ip: nullableText(45),
    userAgent: nullableText(512),
    requestId: nullableText(128),
    traceId: nullableText(64),
    data: Type.Record(Type.String(), Type.Unknown()),
  },
  { $id: 'SecurityEvent', additionalProperties: false },
)
export type SecurityEvent = Static<typeof SecurityEvent>
