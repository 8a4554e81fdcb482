// Accident: a browser update or a new lease must not look like a thief. Attack: another device or network must.
import t from 'tap'
import {
  agentOf,
  fingerprintOf,
  isSameAgent,
  isSameNetwork,
  networkOf,
} from '@latchkey/auth-api/features/sessions/fingerprint'
import { deviceNameOf } from '@latchkey/auth-api/features/sessions/user-agent'
import { atHome, atHomeUpdated, sameAgentElsewhere, stranger } from './support/session-driver.js'

t.test('agent and network are told apart', async (t) => {
  const home = fingerprintOf(atHome)
  t.equal(home.length, 16)
  t.ok(home.equals(fingerprintOf(atHomeUpdated)), 'survives an update and a new lease')
  t.ok(isSameAgent(home, fingerprintOf(sameAgentElsewhere)))
  t.notOk(isSameNetwork(home, fingerprintOf(sameAgentElsewhere)))
  t.notOk(isSameAgent(home, fingerprintOf(stranger)))
})

t.test('a network is an IPv4 /24 or an IPv6 /48', async (t) => {
  t.equal(networkOf('203.0.113.7'), '203.0.113')
  t.equal(networkOf('::ffff:203.0.113.7'), '203.0.113', 'IPv4 as a dual-stack socket shows it')
  t.equal(networkOf('2001:db8:1:2::9'), networkOf('2001:0db8:0001:ffff:1:2:3:4'))
  t.not(networkOf('2001:db8:1::1'), networkOf('2001:db8:2::1'))
  t.equal(networkOf('::1'), '0:0:0')
  t.equal(networkOf('fe80::1%eth0'), 'fe80:0:0', 'a zone is no part of the network')
  t.equal(networkOf('a unix socket'), 'a unix socket')
})

const webkit = 'AppleWebKit/537.36 (KHTML, like Gecko)'
const iphone = 'AppleWebKit/605.1.15 (KHTML, like Gecko)'
/** As they were sent before and after updates of browser, app or system. */
const updates: [name: string, before: string, after: string][] = [
  [
    'Chrome on Windows',
    `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${webkit} Chrome/138.0.0.0 Safari/537.36`,
    `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${webkit} Chrome/139.0.0.0 Safari/537.36`,
  ],
  [
    'Chrome on Android',
    `Mozilla/5.0 (Linux; Android 10; K) ${webkit} Chrome/137.0.0.0 Mobile Safari/537.36`,
    `Mozilla/5.0 (Linux; Android 10; K) ${webkit} Chrome/138.0.0.0 Mobile Safari/537.36`,
  ],
  [
    'Firefox on Linux',
    'Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
    'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  ],
  [
    'Safari on iOS',
    `Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) ${iphone} Version/17.5 Mobile/15E148 Safari/604.1`,
    `Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) ${iphone} Version/18.6 Mobile/15E148 Safari/604.1`,
  ],
  [
    'Safari on macOS',
    `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${iphone} Version/17.6 Safari/605.1.15`,
    `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${iphone} Version/18.5 Safari/605.1.15`,
  ],
  [
    'Microsoft Edge on Windows',
    `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${webkit} Chrome/137.0.0.0 Safari/537.36 Edg/137.0.0.0`,
    `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${webkit} Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0`,
  ],
  [
    'Chrome on iOS',
    `Mozilla/5.0 (iPhone; CPU iPhone OS 17_7 like Mac OS X) ${iphone} CriOS/137.0.7151.79 Mobile/15E148 Safari/604.1`,
    `Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) ${iphone} CriOS/138.0.7204.53 Mobile/15E148 Safari/604.1`,
  ],
  [
    'Samsung Internet for Android on Android',
    `Mozilla/5.0 (Linux; Android 14; SM-S918B) ${webkit} SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36`,
    `Mozilla/5.0 (Linux; Android 15; SM-S918B) ${webkit} SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36`,
  ],
  [
    'Electron on macOS',
    `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${webkit} acme/2.1.0 Chrome/126.0.6478.127 Electron/31.3.0 Safari/537.36`,
    `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${webkit} acme/2.2.0 Chrome/130.0.6723.59 Electron/33.0.2 Safari/537.36`,
  ],
  ['Acme on iOS', 'Acme/5.2 (iPhone; iOS 17.4; Scale/3.00)', 'Acme/5.3 (iPhone; iOS 18.0; Scale/3.00)'],
  ['Acme', 'Acme/1.4.2 CFNetwork/1490.0.4 Darwin/23.2.0', 'Acme/1.5.0 CFNetwork/3826.500.131 Darwin/24.5.0'],
  ['Dart', 'Dart/3.4 (dart:io)', 'Dart/3.8 (dart:io)'],
  ['okhttp', 'okhttp/4.11.0', 'okhttp/4.12.0'],
  ['python-requests', 'python-requests/2.31.0', 'python-requests/2.32.4'],
]

t.test('an update of browser, app or system is no other agent, and another one of them is', async (t) => {
  const agents = updates.map(([name, before, after]) => {
    const [old, young] = [before, after].map((userAgent) => fingerprintOf({ ip: atHome.ip, userAgent }))
    t.ok(old !== undefined && young !== undefined && isSameAgent(old, young), name)
    t.equal(deviceNameOf(before), name)
    t.equal(deviceNameOf(after), name)
    return agentOf(fingerprintOf({ ip: atHome.ip, userAgent: after })).toString('hex')
  })
  t.equal(new Set(agents).size, updates.length, 'all different from each other')
})

t.test('a device gets a name that its owner recognises', async (t) => {
  t.equal(deviceNameOf(atHome.userAgent), 'Chrome on Windows')
  t.equal(deviceNameOf('Dart/3.4 (dart:io)'), 'Dart')
  t.equal(deviceNameOf('curl/8.1.2'), 'curl')
  t.equal(deviceNameOf('((('), null)
  t.equal(deviceNameOf(null), null)
  t.equal(deviceNameOf(`${'A'.repeat(300)}/1.0`)?.length, 200, 'no longer than a name may be')
  t.equal(fingerprintOf({ ip: '203.0.113.7', userAgent: null }).length, 16)
})
