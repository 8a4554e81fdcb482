// Attack and accident alike are interleavings: retries, duplicates, thieves, lost answers, lost commits, sign-outs.
// A model written from the table of cases says what each request must be answered; the real service must agree.
import fc from 'fast-check'
import t from 'tap'
import { createTestApp } from './support/test-app.js'
import { Model, type Presentation } from './support/rotation-model.js'
import { clients, commands } from './support/rotation-steps.js'
import {
  type Answer,
  atHome,
  changePassword,
  endSession,
  letTimePass,
  logIn,
  logOut,
  logOutByRefreshToken,
  newEmail,
  password,
  refresh,
  register,
  storedSession,
  useAccessToken,
} from './support/session-driver.js'

const statuses = {
  rotated: 200,
  race: 200,
  retry: 200,
  recovery: 200,
  ahead: 200,
  superseded: 409,
  reused: 401,
  dead: 401,
}
const codes = {
  superseded: 'refresh_superseded',
  reused: 'refresh_token_reused',
  dead: 'refresh_token_invalid',
}

t.test('every interleaving is answered as the table of cases says', async (t) => {
  const { app, db, deps } = await createTestApp(t)
  const runs = Number(process.env.MODEL_RUNS ?? 120)

  await fc.assert(
    fc.asyncProperty(commands, async (steps) => {
      const email = newEmail()
      const other = await register(app, email)
      const opened = (await logIn(app, email, atHome)).body
      const { sessionId } = opened
      const model = new Model({
        graceSeconds: deps.config.refreshGraceSeconds,
        recoverySeconds: deps.config.refreshRecoverySeconds,
      })
      const refreshTokens = new Map<number, string>([[1, opened.refreshToken]])
      const accessTokens = new Map<number, string>([[1, opened.accessToken]])
      // What the database held after each rotation, and how far its clock had been moved by then.
      const snapshots = [{ row: await storedSession(db, sessionId), movedSeconds: 0 }]
      let movedSeconds = 0
      let secret = password
      let changes = 0

      const keepClearOfBoundaries = async () => {
        const seconds = model.secondsPastNextBoundary()
        if (seconds > 0) await pass(seconds)
      }
      const pass = async (seconds: number) => {
        await letTimePass(db, sessionId, seconds)
        movedSeconds += seconds
        model.letTimePass(seconds)
      }
      const check = (
        answer: Answer<{ refreshToken?: string; accessToken?: string }>,
        outcome: keyof typeof statuses,
        generation: number,
      ) => {
        if (answer.status !== statuses[outcome])
          throw new Error(`${outcome}: answered ${answer.status} ${answer.body.code}`)
        if (outcome in codes && answer.body.code !== codes[outcome as keyof typeof codes])
          throw new Error(`${outcome}: ${answer.body.code}`)
        const { refreshToken, accessToken } = answer.body
        if (answer.status !== 200) {
          if (refreshToken !== undefined) throw new Error(`${outcome} gave a token`)
          return
        }
        if (refreshToken === undefined || accessToken === undefined)
          throw new Error(`${outcome} gave no token`)
        const known = refreshTokens.get(generation)
        if (known !== undefined && known !== refreshToken)
          throw new Error(`${outcome}: another token for generation ${generation}`)
        refreshTokens.set(generation, refreshToken)
        accessTokens.set(generation, accessToken)
      }
      /** The newest generation handed out, less `back`; a client may hold one that the database has lost. */
      const held = (back: number) => Math.max(1, Math.max(...refreshTokens.keys()) - back)

      const presentOnce = async (request: Presentation, name: string) => {
        const before = await storedSession(db, sessionId)
        const expected = model.present(request)
        const answer = await refresh(app, refreshTokens.get(request.generation)!, {
          key: request.key,
          client: clients[name]!,
        })
        check(answer, expected.outcome, expected.generation)
        const after = await storedSession(db, sessionId)
        if (Number(after.generation) !== model.generation)
          throw new Error(`${expected.outcome}: stored ${after.generation}, model ${model.generation}`)
        if ((after.revokedAt !== null) !== model.isRevoked)
          throw new Error(`${expected.outcome}: revoked is ${after.revokedAt !== null}`)
        if (['race', 'retry', 'recovery', 'superseded', 'dead'].includes(expected.outcome)) {
          if (JSON.stringify(before, bigints) !== JSON.stringify(after, bigints))
            throw new Error(`${expected.outcome} changed the row`)
        }
        if (['rotated', 'ahead'].includes(expected.outcome)) snapshots.push({ row: after, movedSeconds })
      }

      for (const step of steps) {
        switch (step.kind) {
          case 'time':
            await pass(step.seconds)
            break
          case 'refresh':
            await keepClearOfBoundaries()
            await presentOnce(
              { generation: held(step.back), key: step.key, client: clients[step.who]! },
              step.who,
            )
            break
          case 'parallel': {
            await keepClearOfBoundaries()
            const request = { generation: held(step.back), key: step.key, client: clients[step.who]! }
            const expected = Array.from({ length: step.times }, () => model.present(request))
            const answers = await Promise.all(
              expected.map(() =>
                refresh(app, refreshTokens.get(request.generation)!, {
                  key: step.key,
                  client: request.client,
                }),
              ),
            )
            const tally = (list: string[]) => list.toSorted().join()
            const answered = answers.map((answer) => `${answer.status} ${answer.body.code ?? ''}`)
            const due = expected.map(
              ({ outcome }) =>
                `${statuses[outcome]} ${outcome in codes ? codes[outcome as keyof typeof codes] : ''}`,
            )
            if (tally(answered) !== tally(due))
              throw new Error(`parallel: ${tally(answered)} instead of ${tally(due)}`)
            for (const answer of answers) if (answer.status === 200) check(answer, 'race', model.generation)
            const row = await storedSession(db, sessionId)
            if (Number(row.generation) !== model.generation)
              throw new Error('parallel: generation moved by more than one')
            if (expected.some(({ outcome }) => outcome === 'rotated' || outcome === 'ahead'))
              snapshots.push({ row, movedSeconds })
            break
          }
          case 'confirm': {
            const generation = held(step.back)
            const token = accessTokens.get(generation)
            if (token === undefined) break
            const answer = await useAccessToken(app, token)
            if (answer.status !== (model.refusesAccess ? 401 : 200))
              throw new Error(`access token answered ${answer.status}`)
            if (!model.refusesAccess) model.confirm(generation)
            break
          }
          case 'loseCommits': {
            // A crash with asynchronous commit: the newest rotations are gone; a revocation, committed synchronously, is not.
            if (model.isRevoked) break
            snapshots.length -= model.loseCommits(step.count)
            const { row, movedSeconds: movedThen } = snapshots.at(-1)!
            const shift = movedSeconds - movedThen
            await db`
              UPDATE sessions SET generation = ${row.generation}, retry_keys = ${row.retryKeys}, rotated_by = ${row.rotatedBy},
                rotated_at = ${row.rotatedAt}::timestamptz - make_interval(secs => ${shift}),
                last_used_at = ${row.lastUsedAt}::timestamptz - make_interval(secs => ${shift}),
                idle_expires_at = ${row.idleExpiresAt}::timestamptz - make_interval(secs => ${shift})
              WHERE id = ${sessionId}`
            break
          }
          case 'logout': {
            const answer = await logOut(app, accessTokens.get(held(0))!)
            if (answer.status !== (model.refusesAccess ? 401 : 204))
              throw new Error(`logout answered ${answer.status}`)
            model.signOut()
            break
          }
          case 'logoutByToken': {
            const answer = await logOutByRefreshToken(app, refreshTokens.get(held(1))!)
            if (answer.status !== 204) throw new Error(`logout answered ${answer.status}`)
            model.signOut()
            break
          }
          case 'endFromElsewhere': {
            const answer = await endSession(app, other.accessToken, sessionId)
            if (answer.status !== (model.isAlive ? 204 : 404))
              throw new Error(`end answered ${answer.status}`)
            model.end()
            break
          }
          case 'passwordChange': {
            const next = `${password} number ${(changes += 1)}`
            const answer = await changePassword(app, other.accessToken, secret, next)
            if (answer.status !== 204) throw new Error(`password change answered ${answer.status}`)
            secret = next
            model.end()
            break
          }
        }
      }
      if (model.refusesAccess) {
        const answer = await useAccessToken(app, accessTokens.get(held(0))!)
        if (answer.status !== 401) throw new Error('an access token outlived its session')
      }
    }),
    { numRuns: runs, endOnFailure: false },
  )
  t.pass(`${runs} interleavings`)
})

function bigints(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value
}
