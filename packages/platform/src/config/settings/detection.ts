import {
  alertActions,
  alertRules,
  defaultActions,
  type ActionsOfRules,
  type AlertAction,
} from '@latchkey/contracts/alerts'
import { listOf, type Parser, Refusal } from '../parsers.js'
import { defaulted, optional } from '../setting.js'
import { mailAddress } from './mail.js'

/** `rule=off`, `rule=alert` or `rule=mail_owner+lock`, each rule once; for the rules that are not named the defaults. */
const actionsOfRules: Parser<ActionsOfRules> = (text) => {
  const actions: Record<string, readonly AlertAction[] | null> = { ...defaultActions }
  if (text === 'default') return { ...defaultActions }
  const named = new Set<string>()
  const problems: string[] = []
  for (const entry of text.split(',')) {
    const [rule = '', list = '', ...rest] = entry.trim().split('=')
    if (!alertRules.some((known) => known === rule)) problems.push(`there is no rule ${quoted(rule)}`)
    else if (named.has(rule)) problems.push(`${rule} is there twice`)
    named.add(rule)
    if (rest.length > 0 || list === '') problems.push(`${quoted(entry.trim())} is not rule=action+action`)
    else actions[rule] = readActions(list, problems)
  }
  if (problems.length > 0)
    throw new Refusal(
      `must be a list of rule=action+action: ${problems.join('; ')}. Rules are ${alertRules.join(', ')}; actions are off, alert, ${alertActions.join(', ')}`,
    )
  // Every rule is there from the defaults, and a name that is none was refused.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return actions as ActionsOfRules
}

/** Null for `off`. `alert` is what every rule that is on does anyway. */
function readActions(list: string, problems: string[]): readonly AlertAction[] | null {
  if (list === 'off') return null
  const given = list.split('+').filter((name) => name !== 'alert')
  problems.push(
    ...given.filter((name) => !isAction(name)).map((name) => `there is no action ${quoted(name)}`),
  )
  return alertActions.filter((action) => given.includes(action))
}

function isAction(name: string): name is AlertAction {
  return alertActions.some((known) => known === name)
}

const quoted = (text: string): string => JSON.stringify(text.slice(0, 40))

export const detectionSettings = {
  detectionActions: defaulted(
    'DETECTION_ACTIONS',
    actionsOfRules,
    'default',
    'What follows from alerts, such as refresh-reuse=mail_operators+end_sessions,export-burst=off; docs/alerts.md has the rules and their defaults.',
  ),
  geoipDb: optional(
    'GEOIP_DB',
    (text) => text,
    'File with a MaxMind database (.mmdb), cities or countries, by which detection knows new countries and impossible travel. Read by the worker.',
  ),
  alertMailTo: optional(
    'ALERT_MAIL_TO',
    listOf(mailAddress),
    'Addresses of operators, separated by commas, that the action mail_operators writes to. Without it none is written to.',
  ),
}
