import type { SecurityEventType } from '@latchkey/contracts/events'

/**
 * What users see of their own history: these types, and of their data these fields. Everything else is for operators, and a type
 * that is new stays with them until it is named here.
 */
const shownFields: Partial<Record<SecurityEventType, readonly string[]>> = {
  'user.registered': [],
  'user.exported': [],
  'login.succeeded': ['amr', 'deviceName', 'newDevice', 'rememberedDevice'],
  'login.failed': ['reason', 'method', 'during'],
  'login.locked': ['device'],
  'session.revoked': ['reason'],
  'session.reuse_detected': [],
  'session.device_changed': ['changed', 'previousIp', 'previousUserAgent'],
  'session.stepped_up': ['method'],
  'password.changed': [],
  'roles.changed': ['before', 'after'],
  'user.enabled': [],
  'email.verified': [],
  'email.change_requested': [],
  'email.changed': [],
  'email.change_undone': [],
  'password.reset_requested': [],
  'password.reset': [],
  'magic_link.requested': [],
  'mfa.challenged': ['amr'],
  'mfa.enrolment_required': ['amr'],
  'mfa.enabled': ['method'],
  'mfa.disabled': ['reason'],
  'mfa.failed': ['reason', 'method', 'during'],
  'passkey.added': ['name'],
  'passkey.removed': ['reason', 'names'],
  'passkey.clone_suspected': ['name', 'during'],
  'device.remembered': ['rememberedDevice'],
  'device.forgotten': ['reason', 'devices', 'rememberedDevice'],
  'identity.linked': ['provider'],
  'identity.unlinked': ['provider'],
  'identity.used': ['provider', 'during'],
  'recovery_code.used': ['during', 'remaining'],
  'recovery_codes.replaced': [],
}

export const shownTypes: readonly string[] = Object.keys(shownFields)

export function shownData(type: string, data: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const fields = new Map<string, readonly string[]>(Object.entries(shownFields)).get(type) ?? []
  return Object.fromEntries(fields.flatMap((field) => (field in data ? [[field, data[field]]] : [])))
}
