import type { MailTemplateName } from '@latchkey/contracts/mails'
import type { Sql } from '@latchkey/platform/database/client'

export interface MailKey {
  readonly eventId: string
  readonly template: MailTemplateName
}

/**
 * The mails that are due longest, taken out of the way of other relays for `leaseSeconds`: a job that was lost until then is made
 * again. A crash that loses the mark costs a second job, and the claim lets one of the two send.
 */
export async function leaseDueMails(
  sql: Sql,
  { templates, limit, leaseSeconds }: { templates: readonly string[]; limit: number; leaseSeconds: number },
): Promise<MailKey[]> {
  return sql<MailKey[]>`
    WITH durability AS (
      SELECT set_config('synchronous_commit', 'off', true)
    ), due AS (
      SELECT event_id, template FROM mails
      WHERE settled_at IS NULL AND due_at <= now() AND template = ANY(${sql.array([...templates])})
      ORDER BY due_at
      LIMIT ${limit}
      FOR UPDATE SKIP LOCKED
    )
    UPDATE mails SET due_at = now() + make_interval(secs => ${leaseSeconds})
    FROM due, durability
    WHERE mails.event_id = due.event_id AND mails.template = due.template
    RETURNING mails.event_id, mails.template`
}

export interface ClaimedMail {
  readonly claims: number
  readonly attempts: number
  readonly createdAt: Date
  readonly occurredAt: Date
  readonly userAgent: string | null
  readonly ip: string | null
  readonly deviceName: string | null
  /** Null when the user is gone, or disabled. */
  readonly email: string | null
  readonly name: string | null
  /** Of the mail's link; null when it was used, replaced or has expired. */
  readonly tokenId: string | null
  readonly tokenHash: Buffer | null
  readonly locale: string | null
  /** Of the mails that tell of alerts: what was seen, and in the owner's what was done about it. */
  readonly rule: string | null
  readonly actions: readonly string[] | null
  /** In the operators' those that it names one by one, and how many there are beside. */
  readonly alertIds: readonly string[] | null
  readonly more: number | null
}

/** Of one account, by all workers together: so that however many mails it makes, others have their turn. */
export const mailsAtOncePerUser = 5

/**
 * Makes a mail ours to send for `leaseSeconds`, and reads whom it goes to as things are now. Null when it is settled, somebody
 * else's for the moment, or one too many of its user; then it is due again when the lease of its relay runs out. Must reach the disk: a claim that a crash takes back lets another send while we do.
 */
export async function claimMail(
  sql: Sql,
  { eventId, template }: MailKey,
  leaseSeconds: number,
): Promise<ClaimedMail | null> {
  const [mail] = await sql<ClaimedMail[]>`
    WITH claimed AS (
      UPDATE mails SET
        claims = claims + 1,
        claimed_until = now() + make_interval(secs => ${leaseSeconds}),
        due_at = now() + make_interval(secs => ${leaseSeconds})
      WHERE event_id = ${eventId} AND template = ${template}
        AND settled_at IS NULL AND (claimed_until IS NULL OR claimed_until <= now())
        AND (SELECT count(*) FROM mails others
          WHERE others.user_id = mails.user_id AND others.settled_at IS NULL AND others.claimed_until > now()) < ${mailsAtOncePerUser}::int
      RETURNING user_id, data, claims, attempts, created_at
    )
    SELECT
      m.claims, m.attempts, m.created_at, (m.data->>'occurredAt')::timestamptz AS occurred_at,
      m.data->>'userAgent' AS user_agent, m.data->>'ip' AS ip, s.device_name,
      coalesce(m.data->>'address', 
        -- A registration that waits for its link has no user yet.
        CASE WHEN u.id IS NOT NULL OR t.user_id IS NULL THEN coalesce(t.email, u.email)::text END) AS email,
      -- Whoever asks for a link may have chosen the name of an account whose address nobody has proven.
      CASE WHEN t.id IS NULL OR (u.email = t.email AND u.email_verified_at IS NOT NULL) THEN u.name END AS name,
      coalesce(u.locale, m.data->>'locale') AS locale, t.id AS token_id, t.token_hash,
      m.data->>'rule' AS rule, m.data->'actions' AS actions, m.data->'alertIds' AS alert_ids, (m.data->>'more')::int AS more
    FROM claimed m
    LEFT JOIN users u ON u.id = m.user_id AND u.disabled_at IS NULL
    LEFT JOIN one_time_tokens t ON t.id = (m.data->>'tokenId')::uuid AND t.expires_at > now()
    LEFT JOIN sessions s ON s.id = (m.data->>'sessionId')::uuid`
  return mail ?? null
}

/** Ends the mail's story, and what it would have told is forgotten. Whoever's claim it is: what was sent was sent. */
export async function settleMail(
  sql: Sql,
  { eventId, template }: MailKey,
  { status, reason }: { status: 'sent' | 'skipped' | 'failed'; reason: string | null },
): Promise<void> {
  await sql`
    UPDATE mails SET settled_at = now(), status = ${status}, reason = ${reason}, claimed_until = NULL, data = '{}'
    WHERE event_id = ${eventId} AND template = ${template} AND settled_at IS NULL`
}

/** Gives a claim back: the mail is due again after `seconds`. Nothing happens when the claim has passed to another. */
export async function postponeMail(
  sql: Sql,
  { eventId, template }: MailKey,
  {
    claims,
    attempts,
    seconds,
    reason,
  }: { claims: number; attempts: number; seconds: number; reason: string },
): Promise<void> {
  await sql`
    UPDATE mails SET
      claimed_until = NULL, attempts = ${attempts}, reason = ${reason}, due_at = now() + make_interval(secs => ${seconds})
    WHERE event_id = ${eventId} AND template = ${template} AND claims = ${claims} AND settled_at IS NULL`
}

/** Puts a mail back that nobody has claimed. */
export async function returnMail(sql: Sql, { eventId, template }: MailKey, seconds: number): Promise<void> {
  await sql`
    UPDATE mails SET due_at = now() + make_interval(secs => ${seconds})
    WHERE event_id = ${eventId} AND template = ${template} AND settled_at IS NULL AND claimed_until IS NULL`
}

/** Gives up at most `limit` mails that could not be sent for `maxAgeSeconds`; a key for each. */
export async function failOldMails(
  sql: Sql,
  { maxAgeSeconds, limit }: { maxAgeSeconds: number; limit: number },
): Promise<MailKey[]> {
  return sql<MailKey[]>`
    UPDATE mails SET
      settled_at = now(), status = 'failed', reason = coalesce(reason, 'it was never tried'), claimed_until = NULL, data = '{}'
    WHERE ctid = ANY(ARRAY(
      SELECT ctid FROM mails
      WHERE settled_at IS NULL AND created_at <= now() - make_interval(secs => ${maxAgeSeconds})
        AND (claimed_until IS NULL OR claimed_until <= now())
      LIMIT ${limit}
      FOR UPDATE SKIP LOCKED))
    RETURNING event_id, template`
}

/** Deletes at most `limit` rows of mails that were settled `keepSeconds` ago; answers how many. */
export async function deleteSettledMails(
  sql: Sql,
  { keepSeconds, limit }: { keepSeconds: number; limit: number },
): Promise<number> {
  const { count } = await sql`
    DELETE FROM mails WHERE ctid = ANY(ARRAY(
      SELECT ctid FROM mails
      WHERE settled_at <= now() - make_interval(secs => ${keepSeconds})
      ORDER BY settled_at
      LIMIT ${limit}
      FOR UPDATE SKIP LOCKED))`
  return count
}
