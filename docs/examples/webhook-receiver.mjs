// A service that hears of Latchkey's security events. It takes nothing that Latchkey has not signed, nothing that is older than five
// minutes, and nothing twice. WEBHOOK_SECRET=whsec_… node webhook-receiver.mjs
import { createServer } from 'node:http'
import { Webhook } from 'standardwebhooks'

const { WEBHOOK_SECRET, PORT = '3000' } = process.env

const webhook = new Webhook(WEBHOOK_SECRET)
const mostBytes = 1024 * 1024

// In a real service a unique key in the database, written with whatever the event makes you do.
const seen = new Set()

/** Called once for each event. Whatever takes longer than a second or two belongs in a queue of yours. */
function handle({ type, timestamp, data }) {
  console.log(`${timestamp} ${data.severity} ${type} ${data.userId ?? ''}`)
}

async function readBody(request) {
  const parts = []
  let length = 0
  for await (const part of request) {
    length += part.length
    if (length > mostBytes) throw new Error('too long')
    parts.push(part)
  }
  return Buffer.concat(parts).toString()
}

async function receive(request, response) {
  let message
  try {
    // The text as it came: what was parsed and written again is not what was signed.
    message = webhook.verify(await readBody(request), request.headers)
  } catch {
    response.writeHead(400).end()
    return
  }
  const id = request.headers['webhook-id']
  try {
    if (!seen.has(id)) handle(message)
    seen.add(id)
    response.writeHead(204).end()
  } catch (error) {
    // Anything but 2xx: it comes again.
    console.error(error)
    response.writeHead(500).end()
  }
}

const server = createServer((request, response) => void receive(request, response))
server.listen(Number(PORT), () => console.log(`listening on http://127.0.0.1:${server.address().port}`))
