import { AppError } from '@latchkey/contracts/errors'
import type { Outbound } from '@latchkey/platform/outbound/outbound'
import { OutboundProblem, type OutboundProblemKind } from '@latchkey/platform/outbound/outbound-problem'

/** An api may be in a network without a way out, and without names of what is outside; the worker, which sends, is not. */
const unknownHere: ReadonlySet<OutboundProblemKind> = new Set(['name', 'timeout'])

/**
 * The URL as it will be asked. It is checked again at every delivery: here, so that who types it hears at once. @throws AppError
 * validation_failed.
 */
export async function readWebhookUrl(outbound: Pick<Outbound, 'check'>, text: string): Promise<string> {
  try {
    await outbound.check(text)
  } catch (error) {
    if (!(error instanceof OutboundProblem)) throw error
    if (!unknownHere.has(error.kind)) throw refused(error.message)
  }
  const url = new URL(text)
  if (url.hash !== '') throw refused('the URL must have no fragment')
  if (url.href.length > 2048) throw refused('the URL is too long')
  return url.href
}

function refused(message: string): AppError {
  return new AppError('validation_failed', undefined, { errors: [{ path: '/url', message }] })
}
