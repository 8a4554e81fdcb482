import { attacks, type AttackName } from './attacks.js'
import { DrillError } from './drill-error.js'

export interface DrillOptions {
  /** Without a slash at the end. */
  readonly target: string
  readonly names: readonly AttackName[]
}

const ownTarget = 'http://127.0.0.1:8000'
const usage = `npm run drill -- [--only ${Object.keys(attacks).join('|')}] [--target URL --yes]`

/**
 * What is attacked, and how. An instance on another machine only when it is named and confirmed: a drill is an attack, and belongs on what is one's own.
 * @throws DrillError.
 */
export function readDrillOptions(args: readonly string[]): DrillOptions {
  const names: AttackName[] = []
  let target = ownTarget
  let isConfirmed = false
  for (let index = 0; index < args.length; index += 1) {
    const arg = args[index]
    const value = args[index + 1]
    if (arg === '--yes') isConfirmed = true
    else if (arg === '--target' && value !== undefined) target = value
    else if (arg === '--only' && value !== undefined) names.push(readName(value))
    else throw new DrillError(`${arg} is not understood: ${usage}`)
    if (arg !== '--yes') index += 1
  }
  return {
    target: readTarget(target, isConfirmed),
    names: names.length === 0 ? Object.keys(attacks).filter(isAttackName) : names,
  }
}

function readName(text: string): AttackName {
  if (isAttackName(text)) return text
  throw new DrillError(`There is no attack ${text}; there are ${Object.keys(attacks).join(', ')}`)
}

const isAttackName = (text: string): text is AttackName => Object.hasOwn(attacks, text)

function readTarget(text: string, isConfirmed: boolean): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (
    url === null ||
    !/^https?:$/.test(url.protocol) ||
    url.pathname !== '/' ||
    url.search !== '' ||
    url.username !== ''
  )
    throw new DrillError(`--target must be a URL like ${ownTarget}, not ${text}`)
  if (!isConfirmed && !/^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(url.hostname))
    throw new DrillError(
      `${url.hostname} is another machine. If it is yours to attack, say so: --target ${url.origin} --yes`,
    )
  return url.origin
}
