import type { DetectedEvent } from '../detected-event.js'
import type { Rule } from '../rule.js'

/**
 * Somebody became an admin, by an admin or by the command for the first one. It is rare, it opens everything, and it is what an attacker
 * does to stay; so each one is told, whoever did it.
 */
export const privilegeChange: Rule = {
  name: 'privilege-change',
  severity: 'warning',
  reason: 'Somebody became an admin.',
  concerns: ['roles.changed'],
  watches: { user: { counts: 'events', spans: [{ seconds: 3600, threshold: 1 }] } },
  look: (event) => {
    const { userId, actorId, ip } = event
    if (userId === null || !becameAdmin(event)) return []
    const data = { by: actorId === null ? 'command' : 'admin' }
    return [{ does: 'adds', watch: 'user', key: userId, about: { subject: userId, userId, ip, data } }]
  },
}

function becameAdmin({ data: { before, after } }: DetectedEvent): boolean {
  return isAdmin(after) && !isAdmin(before)
}

const isAdmin = (roles: unknown): boolean => Array.isArray(roles) && roles.includes('admin')
