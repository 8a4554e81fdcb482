import { createInterface } from 'node:readline'
import { Writable, type Readable } from 'node:stream'

/** More than any password has; what is piped in by mistake may be endless. */
const maxBytes = 4096

export interface PasswordSource {
  readonly input: Readable & { isTTY?: boolean }
  /** Where questions are asked: not where results go. */
  readonly output: { write(text: string): unknown }
}

/** From a person, twice and unseen, or else all of the input: an argument would show in the list of processes and in the history. */
export async function readPassword({ input, output }: PasswordSource): Promise<string> {
  const password = input.isTTY === true ? await askTwice(input, output) : await readAll(input)
  if (password === '') throw new Error('no password was given')
  return password
}

async function askTwice(input: Readable, output: PasswordSource['output']): Promise<string> {
  const unseen = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input, output: unseen, terminal: true, historySize: 0 })
  const typed = lines[Symbol.asyncIterator]() // keeps a line that is typed before it is asked for
  const ask = async (question: string): Promise<string> => {
    output.write(question)
    const line = await typed.next()
    output.write('\n')
    if (line.done === true) throw new Error('no password was given') // Ctrl-C or Ctrl-D
    return line.value
  }
  try {
    const password = await ask('Password: ')
    if ((await ask('The same again: ')) !== password) throw new Error('the two passwords are not the same')
    return password
  } finally {
    lines.close()
  }
}

async function readAll(input: Readable): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of input) {
    const bytes = chunk instanceof Uint8Array ? Buffer.from(chunk) : Buffer.from(String(chunk))
    chunks.push(bytes)
    size += bytes.length
    if (size > maxBytes) throw new Error(`the password is longer than ${maxBytes} bytes`)
  }
  return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)).replace(/\r?\n$/, '')
}
