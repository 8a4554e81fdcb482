import type { AlertRule } from '@latchkey/contracts/alerts'
import type { SecurityEventType, Severity } from '@latchkey/contracts/events'
import type { DetectedEvent } from './detected-event.js'
import type { Place } from './places.js'

/**
 * One kind of attack. Pure: what an event means is decided by it, by what is counted, and by what the log says of before.
 * Each file of `rules/` is one, with its thresholds and why they are what they are.
 */
export interface Rule {
  readonly name: AlertRule
  readonly severity: Severity
  /** For whoever reads the alert. */
  readonly reason: string
  /** It never sees an event of another type. */
  readonly concerns: readonly SecurityEventType[]
  /** What it counts by. */
  readonly watches: Readonly<Record<string, Watch>>
  readonly look: (event: DetectedEvent, view: View) => readonly Mark[]
}

export interface Watch {
  /**
   * `events`: their weights. `members`: how many different ones, however often each. `spread`: the same, but of each group no more than
   * `perGroup`, so that what one network does is left to the rule for one network.
   */
  readonly counts: 'events' | 'members' | 'spread'
  readonly perGroup?: number
  /** Entries that are kept of one key. As many as any threshold needs, unless said. */
  readonly keeps?: number
  /** Any one of them. An incident is over when none was filled for twice the first. */
  readonly spans: readonly Span[]
  /** Raises the threshold to this share of the sign-ins in the span: a busy Monday has more mistakes, not more of them a person. */
  readonly shareOfSignIns?: number
}

export interface Span {
  readonly seconds: number
  readonly threshold: number
}

export type Mark = Adds | Removes | Tallies

interface At {
  readonly watch: string
  readonly key: string
}

export interface Adds extends At {
  readonly does: 'adds'
  readonly member?: string
  readonly group?: string
  /** 1, unless said. */
  readonly weight?: number
  readonly about: About
}

/** Takes back what proved harmless: all of the key, or of this member, or of this group. */
export interface Removes extends At {
  readonly does: 'removes'
  readonly member?: string
  readonly group?: string
}

/** A sign-in that went well. Counted where something is being watched already, or always with `always`. */
export interface Tallies extends At {
  readonly does: 'tallies'
  readonly always?: boolean
}

export interface About {
  /** What makes it the same incident when it goes on. */
  readonly subject: string
  readonly userId: string | null
  readonly ip: string | null
  /** Names nobody: the other fields do. */
  readonly data?: Readonly<Record<string, unknown>>
}

/** What is left out of a count. */
export interface Exceptions {
  readonly members?: readonly string[]
  readonly groups?: readonly string[]
}

export interface SignIn {
  /** Milliseconds. */
  readonly at: number
  readonly ip: string | null
  readonly userAgent: string | null
}

/** What a rule may ask. What was not loaded yet is, and the event looked at again: nobody waits inside a rule. */
export interface View {
  /** What counts in the first span before the event. */
  readonly count: (watch: string, key: string, except?: Exceptions) => number
  /** The user's sign-ins before the event, newest first: at most 50 of 90 days. */
  readonly signIns: () => readonly SignIn[]
  /** The hours, counted from 1970, in which the actor acted as an admin in the 28 days before the event. */
  readonly actHours: () => readonly number[]
  /** Null without GEOIP_DB, and for an address it does not know. */
  readonly place: (ip: string | null) => Place | null
}
