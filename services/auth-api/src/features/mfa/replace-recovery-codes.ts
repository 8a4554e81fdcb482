import { withBothFactors, type BothFactors, type BothFactorsDeps } from './with-both-factors.js'
import { forgetRecoveryCodes, insertRecoveryCodes } from './enrolment/queries.js'
import { newRecoveryCodes } from './recovery-code.js'

/** New recovery codes; those of before are good for nothing. @throws AppError what `withBothFactors` throws. */
export async function replaceRecoveryCodes(deps: BothFactorsDeps, request: BothFactors): Promise<string[]> {
  const { codes, hashes } = newRecoveryCodes()
  await withBothFactors(deps, request, 'recovery_codes_replace', async (sql) => {
    await forgetRecoveryCodes(sql, request)
    await insertRecoveryCodes(sql, { userId: request.userId, hashes })
  })
  return codes
}
