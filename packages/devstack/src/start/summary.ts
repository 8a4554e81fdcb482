import { bold, cyan, dim, green } from './terminal.js'

export interface Running {
  baseUrl: string
  workerUrl: string
  /** What is embedded, where it is, in a few words each. */
  servers: readonly string[]
  /** What becomes of mails, in a few words. */
  mail: string
  /** What TRAITS_SCHEMA asks of users, in a few words; null without it. */
  traits: string | null
  seconds: number
}

/** What a newcomer needs next. The curl lines work as they stand: copied one after the other they register, sign in and refresh. */
export function renderSummary({ baseUrl, workerUrl, servers, mail, traits, seconds }: Running): string {
  const auth = `${baseUrl}/api/v1/auth`
  const person = `"email":"ada@example.com","password":"violet kettle orbits slowly"`
  const rows = [
    ['API', baseUrl],
    ['API page', `${baseUrl}/api-docs`],
    ['Health', `${baseUrl}/health/ready`],
    ['Metrics', `${baseUrl}/metrics  ${workerUrl}/metrics`],
    ...(servers.length > 0 ? [['Data', `${servers.join(', ')}, kept in .latchkey`]] : []),
    ['Mail', mail],
    ...(traits === null ? [] : [['Traits', traits]]),
    ['Shell', '. .latchkey/env   then, say: npm run admin:create -- --email you@example.com'],
  ]
  const steps = [
    [
      traits === null ? 'Register' : 'Register, with the userType and traits that are asked for',
      `${post(`${auth}/register`)} -d '{${person}}'`,
    ],
    [
      'Sign in, and keep the refresh token',
      `RT=$(${post(`${auth}/login`)} -d '{${person}}' | tee /dev/stderr | grep -o 'lk1\\.[A-Za-z0-9_-]*')`,
    ],
    ['Refresh', `${post(`${auth}/refresh`)} -d "{\\"refreshToken\\":\\"$RT\\"}"`],
  ]
  return [
    '',
    `${bold(green('Latchkey is up'))} ${dim(`after ${seconds.toFixed(1)} s; Ctrl-C stops all of it`)}`,
    '',
    ...rows.map(([name = '', value = '']) => `  ${dim(name.padEnd(10))}${cyan(value)}`),
    ...steps.flatMap(([name = '', command = '']) => ['', `  ${dim(`# ${name}`)}`, `  ${command}`]),
    '',
  ].join('\n')
}

function post(url: string): string {
  return `curl -s ${url} -H 'content-type: application/json'`
}
