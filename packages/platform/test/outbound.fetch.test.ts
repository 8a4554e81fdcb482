// Attack: whoever may name a URL makes this process ask for what only it can reach (SSRF): the metadata of the cloud, the
// database's neighbour, itself. Or it answers so that the process waits, reads or follows without end.
// Alone: it changes its process.
import { once } from 'node:events'
import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { createServer as createTcpServer, type AddressInfo, type Server as TcpServer } from 'node:net'
import { blockListOf, reachOf } from '@latchkey/platform/outbound/address-reach'
import { createOutbound, type OutboundOptions } from '@latchkey/platform/outbound/outbound'
import { OutboundProblem, type OutboundProblemKind } from '@latchkey/platform/outbound/outbound-problem'
import { selfSignedCertificate, selfSignedKey } from '@latchkey/devstack/testing/self-signed'
import t, { type Test } from 'tap'

const nowhere = blockListOf([])

t.test('what only insiders reach is forbidden, in every spelling', async (t) => {
  const forbidden = `
    0.0.0.0 0.1.2.3 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.255.0.1 169.254.169.254
    168.63.129.16 172.16.0.1 172.31.255.255 192.0.0.192 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1
    198.19.255.255 198.51.100.7 203.0.113.7 224.0.0.1 255.255.255.255 :: ::1 ::7f00:1 ::ffff:127.0.0.1
    ::ffff:7f00:1 ::ffff:a9fe:a9fe 0:0:0:0:0:ffff:0a00:0001 64:ff9b::127.0.0.1 64:ff9b::a00:1 64:ff9b::
    64:ff9b::1 64:ff9b:1::808:808 2002:7f00:1:: 2002:808:808::1 2001::1 2001:db8::1 2001:10::1 3fff::1 100::1
    fc00::1 fd00:ec2::254 fe80::1 fec0::1 ff02::1 2a00:1450::1%eth0 fe80::1%eth0 4000::1 localhost 1.2.3
    0x7f000001
    `
  for (const address of [...forbidden.trim().split(/\s+/), ''])
    t.equal(reachOf(address, nowhere), 'forbidden', address)
  const open = ['1.1.1.1', '100.63.255.255', '100.128.0.0', '172.32.0.1', '9.255.255.255', '223.255.255.255']
  const openV6 = [
    '2606:4700::1111',
    '2a00:1450:4001::1',
    '::ffff:1.1.1.1',
    '64:ff9b::808:808',
    '64:ff9b::8.8.8.8',
  ]
  for (const address of [...open, ...openV6]) t.equal(reachOf(address, nowhere), 'public', address)
})

t.test('an allowed network is no more than it says', async (t) => {
  const allowed = blockListOf(['10.20.0.0/16', 'fd12::/32', '127.0.0.1'])
  for (const address of ['10.20.3.4', '::ffff:10.20.3.4', '64:ff9b::10.20.3.4', 'fd12::9', '127.0.0.1'])
    t.equal(reachOf(address, allowed), 'allowed', address)
  for (const address of ['10.21.0.1', 'fd13::9', '127.0.0.2', '::1'])
    t.equal(reachOf(address, allowed), 'forbidden', address)
})

t.test('a request arrives, and its whole answer comes back', async (t) => {
  const base = await listen(t, (request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      response.writeHead(201, { 'content-type': 'application/json', 'set-cookie': ['a=1', 'b=2'] })
      const { method, url, headers } = request
      response.end(JSON.stringify({ method, url, headers, body: Buffer.concat(parts).toString() }))
    })
  })
  const { fetch } = outboundTo()
  const response = await fetch(`${base}/hook?x=1#part`, {
    method: 'POST',
    body: new URLSearchParams({ q: 'ä' }),
    headers: { host: 'internal.example', 'x-own': '1', 'accept-encoding': 'gzip' },
  })
  t.equal(response.status, 201)
  t.same(response.headers.getSetCookie(), ['a=1', 'b=2'])
  t.match(await response.json(), {
    method: 'POST',
    url: '/hook?x=1',
    body: 'q=%C3%A4',
    headers: {
      host: new URL(base).host,
      'x-own': '1',
      'accept-encoding': 'identity',
      'content-type': 'application/x-www-form-urlencoded;charset=UTF-8',
      'content-length': '8',
    },
  })
})

t.test('a redirect is an answer, and nobody is asked for its target', async (t) => {
  let asked = 0
  const base = await listen(t, (_, response) => {
    asked += 1
    response.writeHead(302, { location: '/elsewhere' }).end()
  })
  const response = await outboundTo().fetch(base)
  t.equal(response.status, 302)
  t.equal(asked, 1)
})

const refused: [url: string, kind: OutboundProblemKind][] = [
  ['http://127.0.0.2/', 'address'],
  ['https://169.254.169.254/latest/meta-data', 'address'],
  ['http://2130706434/', 'address'],
  ['http://0x7f000002/', 'address'],
  ['http://0177.0.0.2/', 'address'],
  ['http://127.2/', 'address'],
  ['http://[::1]/', 'address'],
  ['http://[::ffff:127.0.0.2]/', 'address'],
  ['https://①②⑦.0.0.2/', 'address'],
  ['http://1.1.1.1/', 'url'],
  ['https://user:secret@example.com/', 'url'],
  ['https://user@example.com/', 'url'],
  ['file:///etc/passwd', 'url'],
  ['data:text/plain,x', 'url'],
  ['gopher://127.0.0.1/', 'url'],
  ['//example.com', 'url'],
  ['https://', 'url'],
]
t.test('what is not public is never connected to', async (t) => {
  const outbound = outboundTo()
  for (const [url, kind] of refused) {
    await rejectsAs(t, outbound.fetch(url), kind, url)
    await rejectsAs(t, outbound.check(url), kind, url)
  }
})

t.test('a name is as good as the worst of its addresses', async (t) => {
  const answers: Record<string, { address: string; family: number }[]> = {
    'both.example': [
      { address: '1.1.1.1', family: 4 },
      { address: '127.0.0.2', family: 4 },
    ],
    'inside.example': [{ address: 'fd00::1', family: 6 }],
    'mixed.example': [
      { address: '127.0.0.1', family: 4 },
      { address: '1.1.1.1', family: 4 },
    ],
    'none.example': [],
    'public.example': [{ address: '1.1.1.1', family: 4 }],
  }
  const outbound = outboundTo({ resolve: async (host) => answers[host] ?? [] })
  await rejectsAs(t, outbound.check('https://both.example/'), 'address')
  await rejectsAs(t, outbound.check('https://inside.example/'), 'address')
  await rejectsAs(t, outbound.check('https://none.example/'), 'name')
  await rejectsAs(
    t,
    outbound.check('http://mixed.example/'),
    'url',
    'plain http goes to allowed networks alone',
  )
  await rejectsAs(t, outbound.check('http://public.example/'), 'url')
  await outbound.check('https://mixed.example/')
  await outbound.check('https://public.example/')
})

t.test('a name that answers otherwise the second time is not asked a second time', async (t) => {
  const asked: string[] = []
  const inside = await listen(t, (request, response) => {
    asked.push(String(request.socket.localAddress))
    response.end(`inside ${request.headers.host ?? ''}`)
  })
  const { port } = new URL(inside)
  let lookups = 0
  const outbound = createOutbound({
    allowedNetworks: ['127.0.0.9'],
    timeoutMs: 500,
    // Allowed at first, and where the server is from then on.
    resolve: async () => [{ address: (lookups += 1) === 1 ? '127.0.0.9' : '127.0.0.1', family: 4 }],
  })
  await rejectsAs(
    t,
    outbound.fetch(`http://rebound.example:${port}/`),
    'connection',
    'nobody listens at the address that was checked',
  )
  t.equal(lookups, 1)
  await rejectsAs(t, outbound.fetch(`http://rebound.example:${port}/`), 'address')
  t.same(asked, [])

  let looks = 0
  const pinned = outboundTo({
    resolve: async () => [{ address: (looks += 1) === 1 ? '127.0.0.1' : '127.0.0.9', family: 4 }],
  })
  const response = await pinned.fetch(`http://rebound.example:${port}/`)
  t.equal(await response.text(), `inside rebound.example:${port}`, 'exactly there, under its name')
  t.equal(looks, 1)
})

t.test('a name that does not exist, or whose server is silent, is told apart', async (t) => {
  await rejectsAs(t, outboundTo().fetch('https://name.invalid/'), 'name')
  await listen(t, () => undefined) // holds the process up, as a real look-up would
  const silent = outboundTo({ timeoutMs: 50, resolve: () => new Promise(() => undefined) })
  await rejectsAs(t, silent.fetch('https://slow.example/'), 'timeout')
  await rejectsAs(t, silent.check('https://slow.example/'), 'timeout')
})

t.test('an answer is bounded in time and size, however it comes', async (t) => {
  const drip = await listen(t, (_, response) => {
    const timer = setInterval(() => response.write('x'), 20)
    response.on('close', () => clearInterval(timer))
  })
  await rejectsAs(t, outboundTo({ timeoutMs: 300 }).fetch(drip), 'timeout', 'a body that drips')
  const mute = await listen(t, () => undefined)
  await rejectsAs(t, outboundTo({ timeoutMs: 100 }).fetch(mute), 'timeout', 'no head')
  const flood = await listen(t, (_, response) => {
    const pour = () => {
      while (response.write('x'.repeat(65_536)));
      response.once('drain', pour)
    }
    pour()
  })
  await rejectsAs(t, outboundTo({ maxBytes: 1000 }).fetch(flood), 'size')
  const headed = await listenRaw(t, `HTTP/1.1 200 OK\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`)
  await rejectsAs(t, outboundTo().fetch(headed), 'connection', 'a head of 20 kB')
  const early = await listenRaw(t, 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(50))
  await rejectsAs(t, outboundTo({ timeoutMs: 200 }).fetch(early), 'timeout', 'early hints for ever')
  const cut = await listenRaw(t, 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc', true)
  await rejectsAs(t, outboundTo().fetch(cut), 'connection', 'less than was announced')
  for (const head of [
    'SSH-2.0-OpenSSH\r\n',
    'HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n',
    'HTTP/1.1 101 Switch\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
  ])
    await rejectsAs(t, outboundTo().fetch(await listenRaw(t, head, true)), 'connection', head.slice(0, 12))
  const empty = await listenRaw(t, 'HTTP/1.1 204 No Content\r\n\r\n')
  t.equal((await outboundTo().fetch(empty)).body, null)
})

t.test('the caller may call it off', async (t) => {
  const mute = await listen(t, () => undefined)
  const reason = new Error('enough')
  const caller = new AbortController()
  const answer = outboundTo().fetch(mute, { signal: caller.signal })
  caller.abort(reason)
  await t.rejects(answer, reason)
})

t.test('no certificate that nobody vouches for, whatever the environment says', async (t) => {
  const server = createHttpsServer({ key: selfSignedKey, cert: selfSignedCertificate }, (_, response) =>
    response.end(),
  )
  const base = await listenOn(t, server, 'https')
  const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED']
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'
  t.teardown(() => {
    if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']
    else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before
  })
  await rejectsAs(t, outboundTo().fetch(base), 'connection')
})

function outboundTo(options: Partial<OutboundOptions> = {}) {
  return createOutbound({ allowedNetworks: ['127.0.0.1'], ...options })
}

async function rejectsAs(
  t: Test,
  work: Promise<unknown>,
  kind: OutboundProblemKind,
  what: string = kind,
): Promise<void> {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  t.ok(error instanceof OutboundProblem, `${what} is refused`)
  t.equal(error instanceof OutboundProblem && error.kind, kind, `${what}: ${String(error)}`)
}

function listen(t: Test, listener: RequestListener): Promise<string> {
  return listenOn(t, createHttpServer(listener), 'http')
}

/** Says `text` to whoever connects, and hangs up if told to. */
async function listenRaw(t: Test, text: string, hangsUp = false): Promise<string> {
  const server = createTcpServer((socket) => {
    socket.on('error', () => undefined).resume()
    if (hangsUp) socket.end(text)
    else socket.write(text)
  })
  return listenOn(t, server, 'http')
}

async function listenOn(t: Test, server: Server | TcpServer, scheme: string): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    if ('closeAllConnections' in server) server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`
}
