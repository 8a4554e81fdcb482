import { STATUS_CODES } from 'node:http'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import { AppError } from '@latchkey/contracts/errors'
import {
  ChallengeAnswer,
  CookieSession,
  EnrolledCookieSession,
  EnrolledSession,
  EnrolmentRequired,
  Problem,
  SecondFactorRequired,
  Session,
  SignInAnswer,
} from '@latchkey/contracts/http/answers'
import { PatchMeBody, RegisterBody } from '@latchkey/contracts/http/bodies'
import type { ShownRules } from '@latchkey/platform/traits/shown-schema'
import type { FastifyContextConfig, FastifySchema } from 'fastify'
import type { App } from '../app-types.js'
import { noBody, noQuery } from './closed-inputs.js'
import { sendProblem } from './errors.js'
import { canonicalUrl } from './route-label.js'
import type { SessionCookies } from './session-cookies.js'

/** Everything from this origin, nothing inline: the page holds access tokens that people paste into it. */
const pagePolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const pagePath = '/api-docs'

/** Registered before the routes, so that it sees them all. OpenAPI comes from their schemas, under the canonical prefix only. */
export async function registerOpenApi(app: App, rules: ShownRules | null): Promise<void> {
  app.addSchema(Problem)
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Latchkey',
        version: '1',
        description:
          'Accounts, sessions and tokens. Errors are problem details (RFC 9457); `code` is stable, `title` is not.',
        license: { name: 'MIT', identifier: 'MIT' },
      },
      servers: [{ url: '/' }], // wherever the page came from: its policy lets it call nobody else
      components: { securitySchemes: securitySchemes(app.cookieSessions.names) },
    },
    refResolver: {
      buildLocalReference: (schema, _baseUri, _fragment, index) =>
        typeof schema['$id'] === 'string' ? schema['$id'] : `schema${index}`,
    },
    transform: ({ schema, url, route }) => ({
      url,
      schema: canonicalUrl(url) === url ? documented(schema, route, rules) : { ...schema, hide: true },
    }),
  })
}

function securitySchemes(cookies: SessionCookies['names']) {
  return {
    accessToken: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
    serviceClient: { type: 'http', scheme: 'basic', description: 'Id and secret of a service client' },
    sessionCookie: { type: 'apiKey', in: 'cookie', name: cookies.accessToken },
    refreshCookie: { type: 'apiKey', in: 'cookie', name: cookies.refreshToken },
    csrfToken: { type: 'apiKey', in: 'header', name: 'X-CSRF-Token' },
  } as const
}

/** A route declares what it answers by itself; this adds what its plugins answer for it. */
function documented(
  schema: FastifySchema,
  { method, config: { auth, limit } = {} }: { method: unknown; config?: FastifyContextConfig | undefined },
  rules: ShownRules | null,
): FastifySchema {
  const problems: Record<number, unknown> = { 500: Problem }
  if (limit !== undefined && limit !== 'none') Object.assign(problems, { 400: Problem, 429: Problem })
  if (auth === 'session' || auth === 'optional') Object.assign(problems, { 401: Problem, 403: Problem })
  if (schema.body !== undefined) Object.assign(problems, { 400: Problem, 413: Problem, 415: Problem })
  const cookie = { sessionCookie: [], ...(method !== 'GET' && { csrfToken: [] }) }
  const security = {
    session: [{ accessToken: [] }, cookie],
    optional: [{ accessToken: [] }, cookie, {}],
    none: undefined,
  }[auth ?? 'none']
  const { body, querystring, ...others } = schema
  const answers = Object.entries({
    ...problems,
    ...(typeof schema.response === 'object' ? schema.response : {}),
  })
  return {
    ...(security !== undefined && { security }),
    ...others,
    ...(body !== noBody && { body: rules === null ? body : withRules(body, rules) }),
    ...(querystring !== noQuery && { querystring }),
    response: Object.fromEntries(answers.map(([status, answer]) => [status, describeAnswer(status, answer)])),
  }
}

/** What the operator's schema asks of users, where they give it. */
function withRules(body: unknown, { userTypes, traits }: ShownRules): unknown {
  if (body === PatchMeBody) return { ...PatchMeBody, properties: { ...PatchMeBody.properties, traits } }
  if (body !== RegisterBody) return body
  const userType = userTypes.length === 0 ? RegisterBody.properties.userType : { enum: userTypes }
  return { ...RegisterBody, properties: { ...RegisterBody.properties, userType, traits } }
}

function describeAnswer(status: string, schema: unknown): unknown {
  const description = STATUS_CODES[status]
  if (schema === Problem)
    return { description, content: { 'application/problem+json': { schema: { $ref: 'Problem#' } } } }
  if (schema === Session) return { description, oneOf: [Session, CookieSession] }
  if (schema === ChallengeAnswer) return { description, oneOf: [ChallengeAnswer, CookieSession] }
  if (schema === EnrolledSession) return { description, oneOf: [EnrolledSession, EnrolledCookieSession] }
  if (schema === SignInAnswer)
    return { description, oneOf: [Session, CookieSession, SecondFactorRequired, EnrolmentRequired] }
  return typeof schema === 'object' ? { description, ...schema } : schema
}

/** The document and a page to try it. Registered after the routes. */
export async function registerApiPage(app: App): Promise<void> {
  const access = { auth: 'none', limit: 'general' } as const

  app.get(`${pagePath}/openapi.json`, {
    config: access,
    schema: { hide: true },
    handler: (_request, reply) => reply.type('application/json').send(JSON.stringify(app.swagger())),
  })

  await app.register(async (page) => {
    // @fastify/static has errors of its own: a range or a condition that cannot be met, a path that leads outside.
    page.setErrorHandler((error, request, reply) => {
      sendProblem(isRefusal(error) ? new AppError('not_found') : error, request, reply)
    })
    page.addHook('onRoute', (route) => {
      route.config = { ...route.config, ...access }
    })
    await page.register(swaggerUi, {
      routePrefix: pagePath,
      staticCSP: pagePolicy,
      uiConfig: { deepLinking: true, persistAuthorization: false, layout: 'BaseLayout' },
      theme: { title: 'Latchkey API' },
    })
  })
}

function isRefusal(error: unknown): boolean {
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 0
  return status >= 400 && status < 500
}
