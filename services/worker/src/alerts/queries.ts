import type { Sql } from '@latchkey/platform/database/client'
import type { AlertAction, AlertRule } from '@latchkey/contracts/alerts'
import type { Severity } from '@latchkey/contracts/events'
import { operatorMail } from '@latchkey/contracts/mails'

/** What a rule has found. */
export interface Incident {
  readonly rule: AlertRule
  /** What makes it the same incident when it goes on: a user's id, a network, … */
  readonly subject: string
  readonly severity: Severity
  readonly userId: string | null
  readonly ip: string | null
  /** At most 50, the first ones. */
  readonly eventIds: readonly string[]
  /** How many events this adds to what was told before. */
  readonly count: number
  /** ISO 8601. */
  readonly firstAt: string
  readonly lastAt: string
  /** For whoever looks at it. Names nobody: ids and addresses have fields of their own. */
  readonly data: Readonly<Record<string, unknown>>
}

export interface AlertRow {
  readonly id: string
  /** Which incident of the alert it is. */
  readonly incidents: number
  /** Whether it is one that was not told of yet. */
  readonly isNewIncident: boolean
}

/**
 * Adds to the alert that the incident belongs to: the open one, or one that was acknowledged while it went on. Null when there is none. More
 * than `quietSeconds` after the last event it is another incident of the alert.
 */
export async function addToAlert(
  sql: Sql,
  incident: Incident,
  quietSeconds: number,
): Promise<AlertRow | null> {
  const { rule, subject, severity, ip, eventIds, count, firstAt, lastAt, data } = incident
  const [row] = await sql<AlertRow[]>`
    WITH held AS (
      SELECT id, event_ids, last_at < ${firstAt}::timestamptz - make_interval(secs => ${quietSeconds}) AS was_quiet
      FROM alerts
      WHERE rule = ${rule} AND subject = ${subject}
        AND (acknowledged_at IS NULL OR last_at >= ${firstAt}::timestamptz - make_interval(secs => ${quietSeconds}))
      ORDER BY acknowledged_at DESC NULLS FIRST
      LIMIT 1
      FOR UPDATE
    )
    UPDATE alerts SET
      incidents = incidents + held.was_quiet::int,
      event_count = event_count + ${count},
      event_ids = (held.event_ids || ARRAY(
        SELECT given FROM unnest(${[...eventIds]}::uuid[]) AS given WHERE given <> ALL (held.event_ids)))[1:${maxEventIds}],
      severity = ${severity},
      ip = ${ip}::inet,
      last_at = greatest(last_at, ${lastAt}::timestamptz),
      data = ${JSON.stringify(data)}::text::jsonb
    FROM held WHERE alerts.id = held.id
    RETURNING alerts.id, incidents, held.was_quiet AS is_new_incident`
  return row ?? null
}

/** As many as the table takes. */
const maxEventIds = 50

/** Null when another has opened it meanwhile. */
export async function openAlert(sql: Sql, incident: Incident): Promise<AlertRow | null> {
  const [row] = await sql<AlertRow[]>`
    INSERT INTO alerts (rule, subject, severity, user_id, ip, event_count, event_ids, first_at, last_at, data)
    VALUES (${incident.rule}, ${incident.subject}, ${incident.severity}, ${incident.userId}::uuid, ${incident.ip}::inet, ${incident.count},
      (${[...incident.eventIds]}::uuid[])[1:${maxEventIds}], ${incident.firstAt}, ${incident.lastAt},
      ${JSON.stringify(incident.data)}::text::jsonb)
    ON CONFLICT (rule, subject) WHERE acknowledged_at IS NULL DO NOTHING
    RETURNING id, incidents, true AS is_new_incident`
  return row ?? null
}

/** Who is to be told, and what was done. */
export async function noteActions(
  sql: Sql,
  alertId: string,
  { actions, tellsOperators }: { actions: readonly AlertAction[]; tellsOperators: boolean },
): Promise<void> {
  await sql`
    UPDATE alerts SET
      actions = ${[...actions]}::text[],
      operators_due_at = CASE WHEN ${tellsOperators} THEN coalesce(operators_due_at, clock_timestamp()) ELSE operators_due_at END
    WHERE id = ${alertId}`
}

/** The ids of the sessions that it ended; null when there is no such user any more. */
export async function defendAccount(
  sql: Sql,
  {
    userId,
    alertId,
    endsAll,
    requiresProof,
  }: { userId: string; alertId: string; endsAll: boolean; requiresProof: boolean },
): Promise<string[] | null> {
  const [row] = await sql<{ ended: string[] | null }[]>`
    SELECT defend_account(${userId}::uuid, ${alertId}::uuid, ${endsAll}, ${requiresProof}) AS ended`
  return row?.ended ?? null
}

export interface LockoutSettings {
  readonly lockoutAfter: number
  readonly lockoutDurationSeconds: number
  readonly lockoutMaxSeconds: number
}

export async function lockGuesses(sql: Sql, subject: Buffer, lockout: LockoutSettings): Promise<void> {
  await sql`
    SELECT lock_guesses(${subject}, ${lockout.lockoutAfter}, ${lockout.lockoutDurationSeconds}, ${lockout.lockoutMaxSeconds})`
}

export async function findEmail(sql: Sql, userId: string): Promise<string | null> {
  const [row] = await sql<{ email: string }[]>`SELECT email::text FROM users WHERE id = ${userId}`
  return row?.email ?? null
}

export interface OpenAlerts {
  readonly severity: Severity
  readonly count: number
}

export async function countOpenAlerts(sql: Sql): Promise<OpenAlerts[]> {
  return sql<OpenAlerts[]>`
    SELECT severity, count(*)::int AS count FROM alerts WHERE acknowledged_at IS NULL GROUP BY severity`
}

export interface DescribedAlert {
  readonly id: string
  readonly severity: Severity
  readonly userId: string | null
  readonly ip: string | null
  readonly eventCount: bigint
  readonly firstAt: Date
  readonly lastAt: Date
  readonly actions: readonly string[]
}

/** Those that are still there, the first one first. */
export async function listAlerts(sql: Sql, ids: readonly string[]): Promise<DescribedAlert[]> {
  return sql<DescribedAlert[]>`
    SELECT id, severity, user_id, host(ip) AS ip, event_count, first_at, last_at, actions
    FROM alerts WHERE id = ANY (${[...ids]}::uuid[])
    ORDER BY created_at, id`
}

/**
 * A mail to each address for each rule that has alerts which wait for one, and has had fewer than so many mails in the period. In one statement:
 * an alert is told of once. Of two workers at once the second finds what the first has left.
 */
export async function writeOperatorMails(
  sql: Sql,
  {
    addresses,
    mailsOfRule,
    periodSeconds,
    alertsInMail,
  }: {
    addresses: readonly string[]
    mailsOfRule: number
    periodSeconds: number
    alertsInMail: number
  },
): Promise<void> {
  await sql`
    WITH spent AS (
      SELECT rule FROM alerts
      WHERE operators_told_at > now() - make_interval(secs => ${periodSeconds})
      GROUP BY rule
      HAVING count(DISTINCT operators_told_at) >= ${mailsOfRule}
    ), due AS (
      SELECT id FROM alerts
      WHERE operators_due_at IS NOT NULL AND rule NOT IN (SELECT rule FROM spent)
      FOR UPDATE SKIP LOCKED
    ), told AS (
      UPDATE alerts SET operators_due_at = NULL, operators_told_at = now()
      FROM due WHERE alerts.id = due.id
      RETURNING alerts.id, rule, alerts.created_at, last_at
    ), mail AS (
      SELECT rule, max(last_at) AS last_at, count(*)::int AS alerts,
        (array_agg(id ORDER BY created_at, id))[1:${alertsInMail}] AS first_ids
      FROM told GROUP BY rule
    )
    INSERT INTO mails (event_id, template, data)
    SELECT uuid_v7(), ${operatorMail}, jsonb_build_object(
      'occurredAt', last_at, 'address', address, 'rule', rule, 'alertIds', to_jsonb(first_ids),
      'more', greatest(0, alerts - ${alertsInMail}::int))
    FROM mail, unnest(${[...addresses]}::text[]) AS address`
}

/** Deletes at most `limit` alerts whose last event was so many days ago; answers how many. */
export async function deleteOldAlerts(
  sql: Sql,
  { keepDays, limit }: { keepDays: number; limit: number },
): Promise<number> {
  const { count } = await sql`
    DELETE FROM alerts WHERE id = ANY(ARRAY(
      SELECT id FROM alerts
      WHERE last_at < now() - make_interval(days => ${keepDays})
      LIMIT ${limit}
      FOR UPDATE SKIP LOCKED))`
  return count
}

/** What may be said of somebody who was erased: that something was seen, and when. */
export async function pseudonymiseAlerts(
  sql: Sql,
  { userId, pseudonym }: { userId: string; pseudonym: string },
): Promise<void> {
  await sql`
    UPDATE alerts SET user_id = ${pseudonym}, subject = replace(subject, ${userId}, ${pseudonym}), ip = NULL, data = '{}', note = NULL
    WHERE user_id = ${userId}`
  await sql`UPDATE alerts SET acknowledged_by = ${pseudonym} WHERE acknowledged_by = ${userId}`
}
