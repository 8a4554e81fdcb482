import type { MailSender } from '@latchkey/platform/config/settings/mail'

/** A mail as it is to be handed in. */
export interface Mail {
  /** The same for every try, so that a receiver can tell a repetition (RFC 5322, 3.6.4). Without brackets. */
  readonly messageId: string
  readonly from: MailSender
  /** One address. */
  readonly to: string
  readonly date: Date
  readonly language: string
  readonly subject: string
  readonly text: string
  readonly html: string
}

/** A way for mails to leave. */
export interface MailDelivery {
  /** Resolves when someone else answers for the mail. @throws MailProblem. */
  deliver(mail: Mail): Promise<void>
  /** Gives up what is under way. */
  close(): void
}

/**
 * Why a mail was not taken, and so what becomes of it. `server_away`: nothing of it was sent, no mail gets through, and it is no
 * fault of this one. `refused_for_now`: another try may go better. `refused`: none will.
 */
export class MailProblem extends Error {
  readonly kind: 'server_away' | 'refused_for_now' | 'refused'

  /** `reason` is logged and stored: it names no person. */
  constructor(kind: MailProblem['kind'], reason: string) {
    super(reason)
    this.name = 'MailProblem'
    this.kind = kind
  }
}
