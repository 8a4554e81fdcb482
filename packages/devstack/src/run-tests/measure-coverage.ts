/**
 * Preloaded into every process of a measured run: when it ends it leaves which parts of our own built files it has run, in the form of
 * NODE_V8_COVERAGE. That itself would tell of every dependency, too: a gigabyte in a run.
 */
import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { Session } from 'node:inspector'
import { join } from 'node:path'

const folder = process.env['LATCHKEY_COVERAGE_FOLDER']
const own = /^file:.*\/(?:packages|services)\/[^/]+\/dist\//

if (folder !== undefined) {
  const session = new Session()
  session.connect()
  session.post('Profiler.enable')
  session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  process.on('exit', () => {
    session.post('Profiler.takePreciseCoverage', (error, coverage) => {
      if (error !== null) throw error
      const result = coverage.result.filter(({ url }) => own.test(url))
      writeFileSync(join(folder, `coverage-${randomUUID()}.json`), JSON.stringify({ result }))
    })
  })
}
