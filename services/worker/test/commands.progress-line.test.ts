/** A terminal sees one line that is written over; a log file sees nothing. */
import t from 'tap'
import { createProgressLine } from '@latchkey/worker/commands/progress-line'

function record(isTTY: boolean) {
  const written: string[] = []
  return { isTTY, written, write: (text: string) => written.push(text) > 0 }
}

t.test('on a terminal', async (t) => {
  const stream = record(true)
  const line = createProgressLine(stream, 0)
  line.show('half')
  line.show('whole')
  line.end()
  t.same(stream.written, ['\r\u001b[Khalf', '\r\u001b[Kwhole', '\r\u001b[K'])
})

t.test('not more often than a person can read', async (t) => {
  const stream = record(true)
  const line = createProgressLine(stream, 60_000)
  for (let step = 0; step < 100; step++) line.show(`step ${step}`)
  t.same(stream.written, ['\r\u001b[Kstep 0'])
})

t.test('elsewhere', async (t) => {
  const stream = record(false)
  const line = createProgressLine(stream, 0)
  line.show('half')
  line.end()
  t.same(stream.written, [])
})
