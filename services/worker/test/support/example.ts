import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { plainNode } from '@latchkey/devstack/testing/plain-node'
import { waitFor } from '@latchkey/devstack/wait-for'

const root = fileURLToPath(new URL('../../../../', import.meta.url))

/** A server of docs/examples as it stands, on a free port, ended with the test. */
export async function startExample(
  t: Test,
  name: string,
  env: Readonly<Record<string, string>>,
): Promise<{ url: string; lines: () => readonly string[] }> {
  const [command, ...args] = plainNode
  const child = spawn(command, [...args, `docs/examples/${name}`], {
    cwd: root,
    env: { PATH: process.env['PATH'], PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const lines: string[] = []
  createInterface(child.stdout).on('line', (line) => lines.push(line))
  const url = await waitFor(() => /^listening on (http.+)$/m.exec(lines.join('\n'))?.[1], {
    what: `${name} to listen`,
    deadlineMs: 20_000,
  })
  return { url, lines: () => lines }
}
