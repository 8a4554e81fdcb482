// Accident: a browser update or a new lease must not look like a thief. Attack: another device or network must.
import t from 'tap'
import { fingerprintOf, isSameAgent, isSameNetwork, networkOf } from '../src/features/sessions/fingerprint.js'
import { deviceNameOf } from '../src/features/sessions/user-agent.js'
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

t.test('a device gets a name that its owner recognises', async (t) => {
  t.equal(deviceNameOf(atHome.userAgent), 'Chrome on Windows')
  t.equal(deviceNameOf('Dart/3.4 (dart:io)'), 'Dart')
  t.equal(deviceNameOf('curl/8.1.2'), 'curl')
  t.equal(deviceNameOf('((('), null)
  t.equal(deviceNameOf(null), null)
  t.equal(deviceNameOf(`${'A'.repeat(300)}/1.0`)?.length, 200, 'no longer than a name may be')
  t.equal(fingerprintOf({ ip: '203.0.113.7', userAgent: null }).length, 16)
})
