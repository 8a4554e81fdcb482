/** Several test files in one process, whose modules are loaded once. LATCHKEY_TEST_FILES names them, as PATH names folders. */
import { delimiter, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'

const files = (process.env['LATCHKEY_TEST_FILES'] ?? '').split(delimiter)

process.setMaxListeners(0) // each file's own parts listen for the end of the process

async function loadFiles(): Promise<void> {
  for (const file of files) {
    try {
      await import(pathToFileURL(resolve(file)).href)
    } catch (error) {
      t.error(error, `${file} cannot be loaded`)
    }
  }
}

// What the files ask for waits until all are loaded: tap ends by itself when it has nothing to do for a moment.
await t.waitOn(loadFiles())
