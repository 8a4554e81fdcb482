import t from 'tap'
import { waitFor } from '@latchkey/devstack/wait-for'

t.test('it returns the first answer that is something', async (t) => {
  const answers = [null, 0, '', 'here']
  t.equal(await waitFor(() => answers.shift(), { what: 'an answer', everyMs: 1 }), 'here')
})

t.test('at the deadline it says what it waited for, and what went wrong last', async (t) => {
  const refusal = new Error('refused')
  const wait = waitFor(() => Promise.reject(refusal), { what: 'the door', deadlineMs: 5, everyMs: 1 })
  await t.rejects(wait, { message: 'waited 5 ms in vain for the door', cause: refusal })
})
