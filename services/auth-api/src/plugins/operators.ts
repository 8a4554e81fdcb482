import { AppError } from '@latchkey/contracts/errors'
import { isSameSecret } from '@latchkey/platform/crypto/constant-time'
import type { FastifyRequest } from 'fastify'
import type { App } from '../app-types.js'
import type { Deps } from '../deps.js'
import { readBearer } from './bearer.js'

/** For Prometheus. Without a METRICS_TOKEN everyone: there the network decides who scrapes. Throws token_missing, token_invalid. */
export function assertMayScrape(
  { metricsToken }: Pick<Deps['config'], 'metricsToken'>,
  request: FastifyRequest,
): void {
  if (metricsToken === null) return
  const bearer = readBearer(request.raw)
  if (bearer.kind === 'none') throw new AppError('token_missing')
  if (bearer.kind === 'malformed' || !isSameSecret(bearer.token, metricsToken))
    throw new AppError('token_invalid')
}

/** Throws token_missing or token_invalid for everyone but an operator. */
export async function assertOperator(app: App, deps: OperatorDeps, request: FastifyRequest): Promise<void> {
  if (await isOperator(app, deps, request)) return
  const isMissing = request.headers.authorization === undefined
  throw new AppError(
    isMissing ? 'token_missing' : 'token_invalid',
    'METRICS_TOKEN or the token of an admin is required.',
  )
}

type OperatorDeps = Pick<Deps, 'config' | 'revocations'>

/** Whether a request carries METRICS_TOKEN, or the access token of an admin whose session lives. Without either: nobody. */
export async function isOperator(
  app: App,
  { config: { metricsToken }, revocations }: OperatorDeps,
  request: FastifyRequest,
): Promise<boolean> {
  const bearer = readBearer(request.raw)
  if (bearer.kind !== 'token') return false
  if (metricsToken !== null && isSameSecret(bearer.token, metricsToken)) return true
  try {
    const { sid, gen, roles } = (await app.verifyAccessToken(bearer.token)).payload
    return roles.includes('admin') && (await revocations.check(sid, gen)) === 'live'
  } catch (error) {
    if (error instanceof AppError && error.status === 401) return false
    throw error
  }
}
