// Attacks: the page of the queues opened without an account, with a user's, or from another site; personal data in a payload; a script that
// is not ours; an auditor, or a forged request, that acts; evidence that is taken out of a queue.
// Alone: it speaks to Redis itself, whose deadlines a process misses that is busy with something else.
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { persistSecurityEventsJob, sendMailJob } from '@latchkey/contracts/queues'
import { newId } from '@latchkey/platform/crypto/identifiers'
import { waitFor } from '@latchkey/devstack/wait-for'
import { createConsumer, type ConsumedQueue } from '@latchkey/platform/queue/consumer'
import { connectRedis } from '@latchkey/platform/redis/client'
import { newOperator } from './support/admins.js'
import { signUp } from './support/accounts.js'
import { Browser } from './support/browser.js'
import { openChromium } from './support/chromium.js'
import { openApiFront } from './support/https-hosts.js'
import { newEmail } from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

const front = await openApiFront(t)
const publicUrl = `https://localhost:${front.port}`
const app = await createTestApp(t, {
  useCookieSessions: true,
  nodeEnv: 'production',
  publicUrl,
  allowedOrigins: ['https://app.example.com'],
})
await app.app.listen({ host: '127.0.0.1', port: 0 })
front.leadTo((app.app.server.address() as AddressInfo).port)
const { queues } = app.deps
await waitFor(() => app.deps.redis.isAvailable(), { what: 'Redis' })

/** A job that a worker has taken, and failed with. */
async function failedJob(queueName: ConsumedQueue, name: string, data: object): Promise<string> {
  const queue = Object.values(queues).find((one) => one.name === queueName)
  const job = await queue?.add(name, data, { attempts: 1 })
  if (job === undefined) throw new Error('there is no such queue')
  const { config, log, metrics } = app.deps
  const redis = connectRedis(config, { name: 'test', log, metrics, blocking: true })
  const reason = new Error('the mail server said no')
  const consumer = createConsumer(queueName, () => Promise.reject(reason), {
    config,
    redis,
    log,
    metrics,
    concurrency: 1,
  })
  await waitFor(() => job.isFailed(), { what: 'the job to fail', deadlineMs: 10_000 })
  await consumer.close(1000)
  await redis.close()
  return job.id ?? ''
}

const eventId = newId()
const mailJob = await failedJob('mail', sendMailJob, { eventId, template: 'new-device' })
const event = {
  id: newId(),
  type: 'login.failed',
  ip: '203.0.113.77',
  userAgent: 'Secret Browser',
  data: { email: 'ada@example.com' },
}
const eventJob = await failedJob('security-events', persistSecurityEventsJob, { events: [event] })

const cookiesOf = (session: { accessToken: string }) => [
  {
    name: '__Host-lk_at',
    value: session.accessToken,
    url: publicUrl,
    secure: true,
    httpOnly: true,
    sameSite: 'Strict' as const,
  },
]

t.test(
  'in a browser an operator sees queues and failed jobs, and nothing on the page is not ours',
  async (t) => {
    const operator = await newOperator(app, ['user', 'auditor'])
    const context = await openChromium(t)
    await context.addCookies(cookiesOf(operator.session))
    const page = await context.newPage()
    const complaints: string[] = []
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
    })
    page.on('pageerror', (error) => complaints.push(error.message))
    const asked = new Set<string>()
    page.on('request', (request) => asked.add(new URL(request.url()).origin))

    await page.goto(`${publicUrl}/admin/queues`)
    await page.waitForSelector('text=security-events')
    await page.goto(`${publicUrl}/admin/queues/queue/mail?status=failed`)
    await page.waitForSelector('text=send-mail')
    await page.waitForSelector('text=/the mail server said no|send-mail/')
    t.equal(await page.locator('button:has-text("Retry")').count(), 0, 'it is to look at')
    await page.goto(`${publicUrl}/admin/queues/queue/security-events/${eventJob}`)
    await page.waitForSelector('text=persist-security-events')
    t.notMatch(await page.content(), /203\.0\.113\.77|Secret Browser|ada@example/)
    t.same(complaints, [], 'also none about the Content-Security-Policy')
    t.same([...asked], [publicUrl], 'no font, script or picture from elsewhere')
  },
)

t.test('it is for admins and auditors with a second factor, and answers no other site', async (t) => {
  const get = async (path: string, headers: Record<string, string> = {}) =>
    app.app.inject({ method: 'GET', url: path, headers })
  const paths = [
    '/admin/queues',
    '/admin/queues/queue/mail/1',
    '/admin/queues/api/queues',
    `/admin/queues/api/queues/mail/${mailJob}`,
  ]
  const user = await signUp(app, { email: newEmail() })
  const weak = await newOperator(app, ['user', 'admin'])
  await app.db`UPDATE sessions SET aal = 1, amr = '{pwd}' WHERE user_id = ${weak.userId}`
  const admin = await newOperator(app)
  for (const path of paths) {
    t.equal((await get(path)).statusCode, 401, path)
    t.match((await get(path, { authorization: `Bearer ${user.accessToken}` })).json(), { code: 'forbidden' })
    t.match((await get(path, { authorization: `Bearer ${weak.session.accessToken}` })).json(), {
      code: 'mfa_required',
    })
    const cookie = `__Host-lk_at=${admin.session.accessToken}`
    t.equal((await get(path, { cookie })).statusCode, 200, path)
    t.match((await get(path, { cookie, origin: 'https://evil.example' })).json(), { code: 'csrf_invalid' })
  }
  const page = await get('/admin/queues', { authorization: `Bearer ${admin.session.accessToken}` })
  t.match(page.headers['content-security-policy'], /^default-src 'none'; script-src 'self'; /)
  t.notMatch(page.headers['content-security-policy'], /unsafe/)
  t.equal(page.headers['cache-control'], 'no-store')
  for (const path of ['../index.ejs', '..%2findex.ejs', 'js/none.js', '%2e%2e/%2e%2e/package.json'])
    t.equal((await get(`/admin/queues/static/${path}`)).statusCode, 404, path)
  t.equal((await get('/admin/queues/static/images/logo.svg')).headers['content-type'], 'image/svg+xml')
})

t.test('the page can do nothing to a queue, for nobody', async (t) => {
  const admin = await newOperator(app)
  for (const [method, path] of [
    ['PUT', `/admin/queues/api/queues/mail/${mailJob}/retry/failed`],
    ['PUT', `/admin/queues/api/queues/mail/${mailJob}/clean`],
    ['PUT', '/admin/queues/api/queues/mail/pause'],
    ['PUT', '/admin/queues/api/queues/mail/obliterate'],
    ['POST', '/admin/queues/api/queues/security-events/add'],
    ['PATCH', `/admin/queues/api/queues/mail/${mailJob}/update-data`],
  ] as const) {
    const { statusCode } = await app.app.inject({
      method,
      url: path,
      headers: { authorization: `Bearer ${admin.session.accessToken}` },
    })
    t.ok([404, 405].includes(statusCode), `${method} ${path}: ${statusCode}`)
  }
})

t.test(
  'the admin API lists failed jobs, tries one again and forgets one, and tells who did it',
  async (t) => {
    const [admin, auditor] = [await newOperator(app), await newOperator(app, ['user', 'auditor'])]
    const list = await auditor.call('GET', '/queues/mail/failed')
    t.match(list, {
      status: 200,
      body: {
        failed: 1,
        jobs: [{ id: mailJob, name: 'send-mail', attempts: 1, reason: 'the mail server said no' }],
      },
    })
    t.match(await auditor.call('POST', `/queues/mail/jobs/${mailJob}/retry`), {
      status: 403,
      body: { code: 'forbidden' },
    })
    t.match(await auditor.call('DELETE', `/queues/mail/jobs/${mailJob}`), { status: 403 })
    const browser = new Browser(app.api)
    browser.cookies.set('__Host-lk_at', admin.session.accessToken)
    const forged = await browser.call('POST', `/api/v1/admin/queues/mail/jobs/${mailJob}/retry`, {
      headers: { origin: publicUrl },
    })
    t.match(forged, { status: 403, body: { code: 'csrf_invalid' } }, 'by cookie it takes the token')

    t.equal((await admin.call('POST', `/queues/mail/jobs/${mailJob}/retry`)).status, 204)
    t.match(await (await queues.mail.getJob(mailJob))?.getState(), /waiting|prioritized/)
    t.equal(
      (await admin.call('POST', `/queues/mail/jobs/${mailJob}/retry`)).status,
      404,
      'once: it waits now',
    )
    t.match(await admin.call('DELETE', `/queues/security-events/jobs/${eventJob}`), {
      status: 403,
      body: { code: 'forbidden' },
    })
    t.ok(await (await queues.securityEvents.getJob(eventJob))?.isFailed())
    const spare = await failedJob('webhooks', 'deliver-webhooks', { endpointId: newId() })
    t.equal((await admin.call('DELETE', `/queues/webhooks/jobs/${spare}`)).status, 204)
    t.equal(await queues.webhooks.getJob(spare), undefined)
    t.equal((await admin.call('DELETE', `/queues/webhooks/jobs/${spare}`)).status, 404)
    t.match(await admin.call('GET', '/queues/made-up/failed'), { status: 400 })
    const told = await app.db<{ data: unknown }[]>`
    SELECT data FROM outbox WHERE type = 'admin.acted' AND actor_id = ${admin.userId} ORDER BY id`
    t.match(
      told.map(({ data }) => data),
      [
        { action: 'queue.job_retried', queue: 'mail', jobId: mailJob, job: 'send-mail' },
        { action: 'queue.job_removed', queue: 'webhooks', jobId: spare },
      ],
    )
  },
)
