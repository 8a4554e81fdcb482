import type { Client } from './session-driver.js'

export interface Presentation {
  generation: number
  key: string | undefined
  client: Client
}

type Outcome = 'rotated' | 'race' | 'retry' | 'recovery' | 'superseded' | 'reused' | 'ahead' | 'dead'

interface Rotation {
  from: number
  key: string | undefined
}

const day = 86_400
const idleSeconds = 7 * day
const absoluteSeconds = 30 * day

const afresh = {
  generation: 1,
  rotatedAt: 0,
  idleExpiresAt: idleSeconds,
  rotatedBy: null as Client | null,
  /** Newest first; only the last four are remembered. */
  rotations: [] as readonly Rotation[],
}

/**
 * One device session, written from the table of cases in docs/refresh-rotation.md and from nothing else: plain numbers,
 * whole keys instead of hashes, clients instead of fingerprints. It must never import the code that it judges.
 */
export class Model {
  isRevoked = false
  /** Access tokens are refused. An expired session cannot be revoked, but signing out of it still ends them. */
  refusesAccess = false
  private row = afresh
  private readonly committed = [afresh]
  private now = 0
  private confirmed = 0

  constructor(private readonly windows: { graceSeconds: number; recoverySeconds: number }) {}

  get generation(): number {
    return this.row.generation
  }

  get isAlive(): boolean {
    return !this.isRevoked && this.now < this.row.idleExpiresAt && this.now < absoluteSeconds
  }

  present(request: Presentation): { outcome: Outcome; generation: number } {
    const outcome = this.decide(request)
    if (outcome === 'rotated' || outcome === 'ahead') this.rotate(request)
    if (outcome === 'ahead') this.confirmed = 0
    if (outcome === 'reused') this.end()
    return { outcome, generation: this.generation }
  }

  private decide({ generation, key, client }: Presentation): Outcome {
    if (!this.isAlive) return 'dead'
    if (generation === this.generation) return 'rotated'
    if (generation > this.generation) return 'ahead'
    const { rotatedAt, rotatedBy, rotations } = this.row
    const age = this.now - rotatedAt
    const isParent = generation === this.generation - 1
    const isConfirmed = this.confirmed >= this.generation
    const rotation = rotations.find(({ from }) => from === generation)
    const carriesItsKey = key !== undefined && rotation?.key === key
    const noKeys = key === undefined && rotation?.key === undefined
    const sameAgent = rotatedBy?.userAgent === client.userAgent
    const samePlace = sameAgent && rotatedBy?.ip === client.ip

    if (isParent && age <= this.windows.graceSeconds) return 'race'
    if (isParent && carriesItsKey && !isConfirmed) return 'retry'
    if (isParent && noKeys && !isConfirmed) {
      if (sameAgent && age <= this.windows.recoverySeconds) return 'recovery'
      if (samePlace && age <= day) return 'recovery'
    }
    if (carriesItsKey) return 'superseded'
    if (isParent && noKeys && samePlace && age <= 60) return 'superseded'
    return 'reused'
  }

  private rotate({ generation, key, client }: Presentation): void {
    // After a loss what is remembered moves along: what counts is how many rotations ago, not the number it had.
    const jump = generation - this.generation
    const remembered = this.row.rotations.map((rotation) => ({ ...rotation, from: rotation.from + jump }))
    this.row = {
      generation: generation + 1,
      rotatedAt: this.now,
      idleExpiresAt: this.now + idleSeconds,
      rotatedBy: client,
      rotations: [{ from: generation, key }, ...remembered].slice(0, 4),
    }
    this.committed.push(this.row)
  }

  confirm(generation: number): void {
    this.confirmed = Math.max(this.confirmed, generation)
  }

  /** A crash takes back the newest rotations; answers how many rows back the database stands, 0 when there was nothing to lose. */
  loseCommits(count: number): number {
    const lost = Math.min(count, this.committed.length - 1)
    this.committed.length -= lost
    this.row = this.committed.at(-1) ?? afresh
    return lost
  }

  letTimePass(seconds: number): void {
    this.now += seconds
  }

  end(): void {
    if (!this.isAlive) return
    this.isRevoked = true
    this.refusesAccess = true
  }

  signOut(): void {
    this.end()
    this.refusesAccess = true
  }

  /** Real time runs beside the model's: how far to step so that no boundary falls into the next seconds; 0 when none would. */
  secondsPastNextBoundary(): number {
    const ages = [this.windows.graceSeconds, 60, this.windows.recoverySeconds, day]
    const boundaries = [
      ...ages.map((age) => this.row.rotatedAt + age),
      this.row.idleExpiresAt,
      absoluteSeconds,
    ]
    const near = boundaries.map((at) => at - this.now).filter((distance) => distance >= 0 && distance < 5)
    return near.length === 0 ? 0 : Math.max(...near) + 1
  }
}
