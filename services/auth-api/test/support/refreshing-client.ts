import { randomUUID } from 'node:crypto'
import { setTimeout as backOff } from 'node:timers/promises'

interface Tokens {
  accessToken: string
  refreshToken: string
}

/**
 * A client as clients should be: one refresh at a time, a key made with the token and kept until the answer is, the same
 * token and key again after a lost answer or a 5xx. It gives up its session on a 401 alone, and notes that it did.
 */
export class RefreshingClient {
  refreshes = 0
  lostAnswers = 0
  /** The code that ended the session; null while it lives. */
  endedBy: string | null = null
  private key = randomUUID()

  constructor(
    private readonly baseUrls: () => readonly string[],
    public tokens: Tokens,
  ) {}

  /** Refreshes until `isOver`, pausing for nothing but failures. */
  async run(isOver: () => boolean): Promise<void> {
    while (!isOver() && this.endedBy === null) await this.refresh()
  }

  /** Refreshes once, with as many attempts as it takes until `deadline` (milliseconds since the epoch). */
  async refreshUntilAnswered(deadline: number): Promise<boolean> {
    const before = this.refreshes
    while (this.refreshes === before && this.endedBy === null && Date.now() < deadline) await this.refresh()
    return this.refreshes > before
  }

  private async refresh(): Promise<void> {
    const bases = this.baseUrls()
    const base = bases[this.refreshes % bases.length]
    const answer = await fetch(`${base}/api/v1/auth/refresh`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': this.key },
      body: JSON.stringify({ refreshToken: this.tokens.refreshToken }),
      signal: AbortSignal.timeout(5_000),
    }).then(
      async (response) => ({
        status: response.status,
        body: (await response.json()) as Tokens & { code?: string },
      }),
      () => null,
    )
    if (answer?.status === 200) {
      this.tokens = answer.body
      this.key = randomUUID()
      this.refreshes += 1
    } else if (answer?.status === 401) {
      this.endedBy = answer.body.code ?? 'no code'
    } else {
      this.lostAnswers += 1
      await backOff(20)
    }
  }
}
