import { AppError } from '@latchkey/contracts/errors'
import type { Traits, TraitsChange } from '@latchkey/platform/traits/traits'

/** What is to be stored when the user's traits are replaced by `given`. @throws AppError validation_failed. */
export function readTraits(
  rules: Pick<Traits, 'check'>,
  given: Readonly<Record<string, unknown>>,
  change: TraitsChange,
): Readonly<Record<string, unknown>> {
  const checked = rules.check(given, change)
  if (checked.errors !== null) throw new AppError('validation_failed', undefined, { errors: checked.errors })
  return checked.traits
}
