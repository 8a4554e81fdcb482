import type { Rule } from '../rule.js'

/**
 * A refresh token was used after its successor. The rotation has told lost answers, tabs and sleeping phones apart from this already
 * (docs/refresh-rotation.md), so the first one counts: two parties hold the tokens of one session.
 */
export const refreshReuse: Rule = {
  name: 'refresh-reuse',
  severity: 'critical',
  reason: 'A refresh token was used again after its successor: somebody else holds the tokens of a session.',
  concerns: ['session.reuse_detected'],
  watches: { user: { counts: 'events', spans: [{ seconds: 3600, threshold: 1 }] } },
  look: ({ userId, ip }) =>
    userId === null
      ? []
      : [{ does: 'adds', watch: 'user', key: userId, about: { subject: userId, userId, ip } }],
}
