/**
 * `url`: not one that is ever asked. `address`: it leads where nobody may reach from outside. The others are of the moment:
 * `name` the name has no address, `timeout` no whole answer in time, `size` too long an answer, `connection` all else on the way.
 */
export type OutboundProblemKind = 'url' | 'address' | 'name' | 'timeout' | 'size' | 'connection'

/** Why there was no answer. The message is for whoever configured the address; it tells nothing that the other side has said. */
export class OutboundProblem extends Error {
  readonly kind: OutboundProblemKind

  constructor(kind: OutboundProblemKind, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'OutboundProblem'
    this.kind = kind
  }
}
