import { AppError } from '@latchkey/contracts/errors'

/** How long after presenting a credential a user may do what needs fresh authentication (ASVS 7.5.1, 7.5.3). */
export const freshAuthSeconds = 300

/** Says what would help: which credentials the user has, and how recently one must have been presented (RFC 9470). */
export class StepUpRequired extends AppError {
  constructor(readonly methods: readonly string[]) {
    super(
      'step_up_required',
      `Authenticate once more: this needs authentication of the last ${freshAuthSeconds} s.`,
    )
  }
}
