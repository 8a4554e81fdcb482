import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { chromium, type BrowserContext } from 'playwright-core'

interface TestScope {
  teardown: (release: () => Promise<void>) => void
}

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

/** A fresh profile in the system's Chromium, which takes the certificates that a test makes. Closed when the test ends. */
export async function openChromium(t: TestScope): Promise<BrowserContext> {
  const browser = await chromium.launch({ executablePath: findChromium() })
  t.teardown(() => browser.close())
  return browser.newContext({ ignoreHTTPSErrors: true })
}

function findChromium(): string {
  const given = process.env['CHROMIUM_PATH']
  const folders = (process.env['PATH'] ?? '').split(':')
  const candidates =
    given === undefined ? names.flatMap((name) => folders.map((folder) => join(folder, name))) : [given]
  const found = candidates.find(isExecutable)
  if (found !== undefined) return found
  throw new Error(
    given === undefined
      ? 'Chromium is missing. Install it (Debian: apt-get install chromium; macOS: brew install --cask chromium), or set CHROMIUM_PATH.'
      : `CHROMIUM_PATH names no program: ${given}`,
  )
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
