/** Upper bounds in seconds, dense where the targets of each kind of work are. */
export const bucketsSeconds = {
  /** A refresh takes about 1 ms, a sign-in 20 to 500 ms; Fastify ends a request at 15 s. */
  request: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15],
  /** An indexed statement takes a fraction of a millisecond; PostgreSQL cancels one at 5 s. */
  query: [0.0002, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1, 5],
  /** argon2id with 19 MiB takes 7 to 30 ms; an imported bcrypt hash of cost 14 about 800 ms. */
  hash: [0.005, 0.01, 0.02, 0.035, 0.05, 0.1, 0.2, 0.5, 1, 2],
  /** From one batch of events to the cleanup of millions of rows. */
  job: [0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300],
} as const
