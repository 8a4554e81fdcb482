import type { PersonalData } from '@latchkey/contracts/http/personal-data'
import type { Sql } from '@latchkey/platform/database/client'
import {
  findPerson,
  listAlertsOf,
  listIdentitiesOf,
  listKnownDevicesOf,
  listLinksOf,
  listMailsOf,
  listPasskeysOf,
  listRememberedDevicesOf,
  listSessionsOf,
  listUnfinishedSignInsOf,
  type PersonRow,
} from './queries.js'

/**
 * What is kept of a user, but for the events, of which there may be any number. Traits that only admins see are in it: what
 * is kept of a person is theirs to know (GDPR, article 15). Null for a user who is gone or disabled.
 */
export async function readFacts(sql: Sql, userId: string): Promise<Omit<PersonalData, 'events'> | null> {
  const person = await findPerson(sql, userId)
  if (person === null) return null
  const sessions = await listSessionsOf(sql, userId)
  const knownDevices = await listKnownDevicesOf(sql, userId)
  const identities = await listIdentitiesOf(sql, userId)
  const rememberedDevices = await listRememberedDevicesOf(sql, userId)
  const passkeys = await listPasskeysOf(sql, userId)
  const links = await listLinksOf(sql, userId)
  const unfinishedSignIns = await listUnfinishedSignInsOf(sql, userId)
  const mails = await listMailsOf(sql, userId)
  const alerts = await listAlertsOf(sql, userId)
  return {
    exportedAt: new Date().toISOString(),
    ...describePerson(person),
    sessions: sessions.map((session) => ({
      ...session,
      createdAt: session.createdAt.toISOString(),
      authenticatedAt: session.authenticatedAt.toISOString(),
      lastUsedAt: session.lastUsedAt.toISOString(),
      idleExpiresAt: session.idleExpiresAt.toISOString(),
      absoluteExpiresAt: session.absoluteExpiresAt.toISOString(),
      revokedAt: timeOf(session.revokedAt),
    })),
    knownDevices: knownDevices.map(({ firstSeenAt, lastSeenAt }) => ({
      firstSeenAt: firstSeenAt.toISOString(),
      lastSeenAt: lastSeenAt.toISOString(),
    })),
    identities: identities.map((identity) => ({
      ...identity,
      linkedAt: identity.linkedAt.toISOString(),
      lastUsedAt: timeOf(identity.lastUsedAt),
    })),
    rememberedDevices: rememberedDevices.map((device) => ({
      ...device,
      createdAt: device.createdAt.toISOString(),
      lastUsedAt: device.lastUsedAt.toISOString(),
      expiresAt: device.expiresAt.toISOString(),
    })),
    passkeys: passkeys.map((passkey) => ({
      ...passkey,
      credentialId: passkey.credentialId.toString('base64url'),
      createdAt: passkey.createdAt.toISOString(),
      lastUsedAt: timeOf(passkey.lastUsedAt),
      disabledAt: timeOf(passkey.disabledAt),
    })),
    links: links.map((link) => ({
      ...link,
      createdAt: link.createdAt.toISOString(),
      expiresAt: link.expiresAt.toISOString(),
    })),
    unfinishedSignIns: unfinishedSignIns.map((signIn) => ({
      ...signIn,
      expiresAt: signIn.expiresAt.toISOString(),
    })),
    mails: mails.map((mail) => ({
      ...mail,
      createdAt: mail.createdAt.toISOString(),
      settledAt: timeOf(mail.settledAt),
    })),
    alerts: alerts.map((alert) => ({
      ...alert,
      eventCount: Number(alert.eventCount),
      firstAt: alert.firstAt.toISOString(),
      lastAt: alert.lastAt.toISOString(),
    })),
  }
}

function describePerson({
  passwordChangedAt,
  totpEnabledAt,
  recoveryCodesLeft,
  ...user
}: PersonRow): Pick<PersonalData, 'user' | 'password' | 'secondFactors'> {
  return {
    user: {
      ...user,
      emailVerifiedAt: timeOf(user.emailVerifiedAt),
      createdAt: user.createdAt.toISOString(),
      updatedAt: user.updatedAt.toISOString(),
      lastLoginAt: timeOf(user.lastLoginAt),
    },
    password: passwordChangedAt && { changedAt: passwordChangedAt.toISOString() },
    secondFactors: {
      totp: totpEnabledAt && { enabledAt: totpEnabledAt.toISOString() },
      recoveryCodesLeft,
    },
  }
}

const timeOf = (date: Date | null): string | null => date?.toISOString() ?? null
