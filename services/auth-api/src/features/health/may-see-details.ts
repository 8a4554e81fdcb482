import { AppError } from '@latchkey/contracts/errors'
import { isSameSecret } from '@latchkey/platform/crypto/constant-time'
import type { FastifyRequest } from 'fastify'
import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { readBearer } from '../../plugins/bearer.js'

/** Whether a request carries METRICS_TOKEN, or the access token of an admin whose session lives. Never throws a refusal. */
export async function maySeeDetails(
  app: App,
  { config, revocations }: Pick<Deps, 'config' | 'revocations'>,
  request: FastifyRequest,
): Promise<boolean> {
  const bearer = readBearer(request.raw)
  if (bearer.kind !== 'token') return false
  if (config.metricsToken !== null && isSameSecret(bearer.token, config.metricsToken)) return true
  try {
    const { sid, gen, roles } = (await app.verifyAccessToken(bearer.token)).payload
    return roles.includes('admin') && (await revocations.check(sid, gen)) === 'live'
  } catch (error) {
    if (error instanceof AppError && error.status === 401) return false
    throw error
  }
}
