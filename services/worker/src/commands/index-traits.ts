import { indexTraits } from '@latchkey/platform/traits/index-traits'
import { loadTraits } from '@latchkey/platform/traits/load-traits'
import { createProgressLine } from './progress-line.js'
import { runCommand } from './run-command.js'

/** As many as a person looks through; each is a user to talk to. */
const maxTold = 100

await runCommand('traits:index', async ({ config, sql }, signal) => {
  const traits = await loadTraits(config.traitsSchema)
  const progress = createProgressLine(process.stderr)
  const { users, clashes } = await indexTraits(sql, traits, {
    signal,
    onProgress: (count) => progress.show(`${count} users`),
  }).finally(() => progress.end())
  if (signal.aborted) throw new Error(`interrupted after ${users} users; run it again`)
  for (const { userId, name } of clashes.slice(0, maxTold))
    process.stderr.write(`user ${userId}: an older account has the same ${name}\n`)
  if (clashes.length > 0)
    throw new Error(`indexed the traits of ${users} users, but ${clashes.length} unique values are taken`)
  return `indexed the traits of ${users} users`
})
