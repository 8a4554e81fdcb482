/** `npm run drill`: plays attacks against an instance that runs, as a stranger would, and says what detection made of them. */
import { attacks, type Attack } from './drill/attacks.js'
import { DrillError } from './drill/drill-error.js'
import { readDrillOptions } from './drill/drill-options.js'
import { createStranger, type Stranger } from './drill/stranger.js'
import { type AlertWatch, type Sighting, watchAlerts } from './drill/watch-alerts.js'
import { bold, cyan, dim, green, red, yellow } from './start/terminal.js'

/** Within which an alert is there. */
const promisedSeconds = 5

async function main(args: readonly string[]): Promise<number> {
  const { target, names } = readDrillOptions(args)
  const stranger = createStranger(target)
  const token = process.env['DRILL_TOKEN']
  const watch = token === undefined ? null : await watchAlerts(createStranger(target), token)
  console.log(`${bold('Drill')} against ${cyan(target)}, as a stranger\n`)

  let isGood = true
  for (const name of names) isGood = (await play(attacks[name], stranger, watch)) && isGood
  if (watch === null) {
    const path = `${target}/api/v1/admin/alerts`
    console.log(`\n${yellow('Whether they came, nobody looked.')} See ${cyan(path)}, or give DRILL_TOKEN.`)
    return 0
  }
  const others = await watch.others()
  if (others.length > 0) console.log(`\n${yellow('Also raised meanwhile:')} ${others.join(', ')}`)
  console.log(
    isGood ? `\n${green('All of it was noticed.')}` : `\n${red('Not all of it was noticed in time.')}`,
  )
  return isGood ? 0 : 1
}

/** Whether the alert came in time; true as well where nobody can look. */
async function play(attack: Attack, stranger: Stranger, watch: AlertWatch | null): Promise<boolean> {
  const requestsBefore = stranger.requests
  console.log(`  ${bold(attack.rule)}  ${dim(attack.about)}`)
  const userId = await attack.play(stranger)
  const playedAt = performance.now()
  const about = userId === null ? '' : `, user ${userId}`
  console.log(`    ${dim(`${stranger.requests - requestsBefore} requests${about}`)}`)
  if (watch === null) return true
  const sighting = await watch.until(attack.rule, userId, playedAt)
  console.log(`    ${describe(sighting)}`)
  return sighting !== null && sighting.seconds <= promisedSeconds
}

function describe(sighting: Sighting | null): string {
  if (sighting === null) return red('✗ no alert')
  const { alertId, seconds } = sighting
  const told = `alert ${alertId} after ${seconds.toFixed(1)} s`
  return seconds <= promisedSeconds ? green(`✓ ${told}`) : red(`✗ ${told}, later than ${promisedSeconds} s`)
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof DrillError)) throw error
  console.error(red(`The drill stops: ${error.message}`))
  process.exitCode = 2
}
