import { randomBytes } from 'node:crypto'
import type { AlertRule } from '@latchkey/contracts/alerts'
import { DrillError } from './drill-error.js'
import { type Stranger, textOf } from './stranger.js'
import { totpCode } from './totp-code.js'

export interface Attack {
  readonly about: string
  readonly rule: AlertRule
  /** Plays it, to the end or to a refusal that spoils it. Answers whom it was about, or null for nobody in particular. */
  readonly play: (stranger: Stranger) => Promise<string | null>
}

export type AttackName = 'reuse' | 'fatigue' | 'stuffing'

/** In this order: what stuffing leaves behind would make a sign-in from here look like its success. */
export const attacks: Readonly<Record<AttackName, Attack>> = {
  reuse: {
    about: 'a refresh token is copied, and used after its owner has gone on',
    rule: 'refresh-reuse',
    async play(stranger) {
      const victim = await register(stranger)
      const second = await refresh(stranger, victim.refreshToken)
      await refresh(stranger, second)
      await expect(
        stranger.post('/auth/refresh', { refreshToken: victim.refreshToken }),
        'refresh_token_reused',
      )
      return victim.userId
    },
  },
  fatigue: {
    about: 'a password is known, and the second factor asked for again and again',
    rule: 'mfa-fatigue',
    async play(stranger) {
      const victim = await register(stranger)
      await enrol(stranger, victim.accessToken)
      // Four wrong codes: with a fifth the account would slow down its owner.
      for (let round = 0; round < 5; round += 1) {
        const { body } = await expect(stranger.post('/auth/login', victim.credentials), 200)
        if (round < 4)
          await expect(
            stranger.post('/auth/2fa/challenge', { mfaToken: body['mfaToken'], code: '000000' }),
            'mfa_code_invalid',
          )
      }
      return victim.userId
    },
  },
  stuffing: {
    about: 'names and passwords of another site are tried here, one after the other',
    rule: 'credential-stuffing',
    async play(stranger) {
      for (let leak = 0; leak < 24; leak += 1)
        await expect(stranger.post('/auth/login', newCredentials()), 'invalid_credentials')
      return null
    },
  },
}

/** At a domain that is nobody's (RFC 2606), with a password that nobody keeps. */
const newCredentials = (): { email: string; password: string } => ({
  email: `drill-${randomBytes(8).toString('hex')}@example.com`,
  password: randomBytes(16).toString('base64url'),
})

interface Victim {
  readonly userId: string
  readonly credentials: { readonly email: string; readonly password: string }
  readonly accessToken: string
  readonly refreshToken: string
}

async function register(stranger: Stranger): Promise<Victim> {
  const credentials = newCredentials()
  const { status, code, body } = await stranger.post('/auth/register', credentials)
  if (status === 202)
    throw new DrillError(
      'this instance makes accounts by a link in a mail, which a drill cannot read: only stuffing can be played',
    )
  const user = body['user']
  const userId = typeof user === 'object' && user !== null ? textOf({ ...user }, 'id') : ''
  if (userId === '') throw new DrillError(`a victim could not be registered: ${status} ${code}`)
  const [accessToken, refreshToken] = [textOf(body, 'accessToken'), textOf(body, 'refreshToken')]
  return { userId, credentials, accessToken, refreshToken }
}

async function refresh(stranger: Stranger, refreshToken: string): Promise<string> {
  const { body } = await expect(stranger.post('/auth/refresh', { refreshToken }), 200)
  return textOf(body, 'refreshToken')
}

async function enrol(stranger: Stranger, accessToken: string): Promise<void> {
  const { body } = await expect(stranger.post('/auth/2fa/setup', {}, accessToken), 200)
  const code = totpCode(textOf(body, 'secret'))
  await expect(stranger.post('/auth/2fa/verify', { code }, accessToken), 200)
}

/** @throws DrillError when the answer has not this status, or this code. */
async function expect(
  answering: ReturnType<Stranger['post']>,
  wanted: number | string,
): ReturnType<Stranger['post']> {
  const answer = await answering
  const { status, code } = answer
  if (wanted === status || wanted === code) return answer
  throw new DrillError(`was answered ${status} ${code} in place of ${wanted}`)
}
