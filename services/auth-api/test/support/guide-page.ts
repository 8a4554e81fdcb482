import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'

/** The first script of a page of docs/, as its readers copy it, but for the addresses. */
export function scriptOf(guide: string, addresses: Readonly<Record<string, string>>): string {
  const text = readFileSync(fileURLToPath(new URL(`../../../../docs/${guide}`, import.meta.url)), 'utf8')
  const script = /```js\n([^]*?)```/.exec(text)?.[1]
  if (script === undefined) throw new Error(`docs/${guide} has no script`)
  return Object.entries(addresses).reduce((told, [from, to]) => told.replaceAll(from, to), script)
}

export interface PageAnswer {
  readonly status: number
  readonly body: Record<string, unknown>
}

/** Runs a line of the page's scripts; what it answers, or the name of the error that the browser throws. */
export const runInPage = (page: Page, line: string): Promise<PageAnswer> =>
  page.evaluate(`(async () => {
    try {
      const answer = await (${line})
      const text = await answer.text()
      return { status: answer.status, body: text === '' ? {} : JSON.parse(text) }
    } catch (error) {
      return { status: 0, body: { error: error.name } }
    }
  })()`)

/** An authenticator of the browser's own, which asks nobody and says that it has seen a finger. */
export async function addAuthenticator(page: Page) {
  const devtools = await page.context().newCDPSession(page)
  await devtools.send('WebAuthn.enable')
  const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  })
  return { devtools, authenticatorId }
}
