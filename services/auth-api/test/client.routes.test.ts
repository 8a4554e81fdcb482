// Property: the SDK has a function for each route that an app may call, guarded as the server guards it, and none for another.
import t from 'tap'
import * as adminRoutes from '@latchkey/client/admin'
import * as routes from '@latchkey/client/routes'
import { createTestApp } from './support/test-app.js'

/** What no function is for. */
const otherwise = new Set([
  // the client's own
  'POST /refresh none',
  'POST /logout optional',
  'GET /csrf-token none',
  // the same as POST /register
  'POST /signup none',
  // opened by a browser: `providerSignInUrl`
  'GET /oauth/:provider none',
  'GET /oauth/:provider/callback none',
  // server-sent events, which no call answers
  'GET /admin/stream session',
])

const { app } = await createTestApp(t, { magicLink: true })

t.test('the routes of the SDK are the routes of the server', async (t) => {
  const ofServer = app.routeInventory
    .filter(({ method, url }) => method !== 'HEAD' && /^\/api\/v1\/(auth|admin)\//.test(url))
    .map(({ method, url, auth }) => `${method} ${url.replace(/^\/api\/v1(\/auth)?/, '')} ${auth}`)
    .filter((route) => !otherwise.has(route))
  const own = Object.values(routes).flatMap((route) =>
    'route' in route ? [`${route.route} ${route.auth}`] : [],
  )
  const ofAdmins = Object.values(adminRoutes).map(
    ({ route, auth }) => `${route.replace(' ', ' /admin')} ${auth}`,
  )
  t.same([...own, ...ofAdmins].toSorted(), ofServer.toSorted())
})
