import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import fastify, { LogController, type FastifyBaseLogger } from 'fastify'
import type { App } from './app-types.js'
import type { Deps } from './deps.js'
import { findStanding } from './features/admin/admin-standing.js'
import { admin } from './features/admin/index.js'
import { forReaders } from './features/admin/routes.js'
import { createLiveFeed } from './features/admin/stream/live-feed.js'
import { csrf } from './features/csrf/index.js'
import { emailChange } from './features/email-change/index.js'
import { emailVerification } from './features/email-verification/index.js'
import { federation } from './features/federation/index.js'
import { health } from './features/health/index.js'
import { keys } from './features/keys/index.js'
import { login } from './features/login/index.js'
import { magicLink } from './features/magic-link/index.js'
import { mailLinks } from './features/mail-links/index.js'
import { metricsPage } from './features/metrics/index.js'
import { mfa } from './features/mfa/index.js'
import { oauthTokens } from './features/oauth-tokens/index.js'
import { passkeys } from './features/passkeys/index.js'
import { passwordReset } from './features/password-reset/index.js'
import { passwords } from './features/passwords/index.js'
import { personalData } from './features/personal-data/index.js'
import { profile } from './features/profile/index.js'
import { rememberedDevices } from './features/remembered-devices/index.js'
import { queueBoard } from './features/queue-board/index.js'
import { registration } from './features/registration/index.js'
import { securityEvents } from './features/security-events/index.js'
import { sessions } from './features/sessions/index.js'
import { stepUp } from './features/step-up/index.js'
import { findStepUpOptions } from './features/step-up/step-up-methods.js'
import { registerAnswerDeadline } from './plugins/answer-deadline.js'
import { registerAccessTokens } from './plugins/access-tokens.js'
import { registerBrowserSecrets } from './plugins/browser-secrets.js'
import { registerClosedInputs } from './plugins/closed-inputs.js'
import { registerCookieSessions } from './plugins/cookie-sessions.js'
import { registerCrossOrigin } from './plugins/cross-origin.js'
import { registerDevicePasses } from './plugins/device-passes.js'
import { registerDraining } from './plugins/draining.js'
import { registerErrors, sendProblem } from './plugins/errors.js'
import { registerFreshAuth } from './plugins/fresh-auth.js'
import { registerGate } from './plugins/gate.js'
import { answerBadHttp, registerHttpServer } from './plugins/http-server.js'
import { registerJsonBody } from './plugins/json-body.js'
import { registerApiPage, registerOpenApi } from './plugins/openapi.js'
import { requestIdOf } from './plugins/request-ids.js'
import { registerRememberTokens } from './plugins/remember-tokens.js'
import { createRequestRecords } from './plugins/request-records.js'
import { registerRoles } from './plugins/roles.js'
import { registerRouteInventory } from './plugins/route-inventory.js'
import { askHelmet, registerSecurityHeaders } from './plugins/security-headers.js'
import { registerSerializers } from './plugins/serializers.js'
import { registerUnknownRoutes } from './plugins/unknown-routes.js'

/** Answers under both prefixes: the canonical one and the unversioned one of older clients. */
const authPrefixes = ['/api/v1/auth', '/api/auth']
const adminPrefixes = ['/api/v1/admin', '/api/admin']
/** Where `/csrf-token` answers too, for the same clients. */
const apiPrefixes = ['/api/v1', '/api']
const authFeatures = [
  csrf,
  registration,
  emailVerification,
  emailChange,
  login,
  federation,
  mfa,
  rememberedDevices,
  passkeys,
  stepUp,
  sessions,
  profile,
  personalData,
  passwords,
  passwordReset,
  magicLink,
  securityEvents,
]

/** The whole api, not listening. The order is the order in which a request meets its parts. */
export async function buildApp(deps: Deps): Promise<App> {
  const securityHeaders = await askHelmet()
  const recordRequest = createRequestRecords(deps)
  const baseLog: FastifyBaseLogger = deps.log
  const app: App = fastify({
    ...limitsOfHttp,
    trustProxy: [...deps.config.trustProxy],
    loggerInstance: baseLog,
    logController: new LogController({ disableRequestLogging: true }),
    childLoggerFactory: (logger) => logger, // a child a request costs more than its line, which carries the request's id itself
    genReqId: requestIdOf,
    ajv: { customOptions: strictSchemas },
    clientErrorHandler: (error, socket) => {
      answerBadHttp(error, socket, securityHeaders)
    },
    frameworkErrors: (error, request, reply) => {
      recordRequest(request, reply)
      void reply.headers(securityHeaders)
      sendProblem(error, request, reply)
    },
    // What was sent before we closed is answered, with `Connection: close`, while everything it needs still stands.
    return503OnClosing: false,
  }).withTypeProvider<TypeBoxTypeProvider>()

  registerSerializers(app)
  registerErrors(app)
  registerDraining(app)
  registerJsonBody(app)
  app.addHook('onRequest', (request, reply, done) => {
    recordRequest(request, reply)
    done()
  })
  registerAnswerDeadline(app)
  registerSecurityHeaders(app, securityHeaders)
  registerHttpServer(app, securityHeaders)
  await registerCrossOrigin(app, deps.config.allowedOrigins)
  registerAccessTokens(app, deps)
  registerCookieSessions(app, deps)
  registerDevicePasses(app, deps)
  registerBrowserSecrets(app, deps)
  registerRememberTokens(app, deps)
  await registerGate(app, deps)
  registerRoles(app, deps, {
    standingOf: (sessionId) => findStanding(deps, sessionId),
    optionsOf: (userId) => findStepUpOptions(deps, userId),
  })
  registerFreshAuth(app, (userId) => findStepUpOptions(deps, userId))
  registerUnknownRoutes(app)
  registerClosedInputs(app)
  registerRouteInventory(app)
  await registerOpenApi(app, deps.traits.shown)

  await app.register(health, { deps })
  await app.register(keys, { deps })
  await app.register(metricsPage, { deps })
  await app.register(oauthTokens, { deps })
  await app.register(mailLinks, { deps })
  await app.register(queueBoard, { deps })
  for (const prefix of authPrefixes) {
    for (const feature of authFeatures) await app.register(feature, { prefix, deps })
  }
  // One for both prefixes: no spelling of a path buys more places. Closed before the server waits for its connections.
  const feed = createLiveFeed(deps, forReaders.roles)
  app.addHook('preClose', async () => feed.close())
  for (const prefix of adminPrefixes) await app.register(admin, { prefix, deps, feed })
  for (const prefix of apiPrefixes) await app.register(csrf, { prefix, deps })
  await registerApiPage(app)
  return app
}

/** Everything has a timeout and a size, so that a client that is slow or endless costs a bounded time and memory. */
const limitsOfHttp = {
  bodyLimit: 64 * 1024,
  requestTimeout: 15_000,
  keepAliveTimeout: 72_000, // longer than the 60 s of common proxies, which must be the ones to close (else: resets)
  http: {
    headersTimeout: 10_000,
    maxHeaderSize: 16 * 1024,
    insecureHTTPParser: false,
    requireHostHeader: false, // Node's own refusal is no problem document; plugins/http-server.ts checks it
    connectionsCheckingInterval: 2000, // how exact the two timeouts are
  },
  routerOptions: {
    caseSensitive: true,
    ignoreTrailingSlash: false,
    ignoreDuplicateSlashes: false,
    maxParamLength: 128,
    useSemicolonDelimiter: false,
  },
}

/** A body is refused, never mended: nothing is dropped, converted or filled in. The first failure ends the check. */
const strictSchemas = {
  removeAdditional: false,
  coerceTypes: false,
  useDefaults: false,
  allErrors: false,
} as const
