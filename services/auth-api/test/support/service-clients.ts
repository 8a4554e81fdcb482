import { createServiceClient } from '@latchkey/platform/service-clients/manage-service-clients'
import type { TestApp } from './test-app.js'

export interface TestClient {
  readonly clientId: string
  readonly clientSecret: string
  /** The Authorization header that it authenticates with. */
  readonly basic: string
}

let clients = 0

export async function newClient(
  { db }: Pick<TestApp, 'db'>,
  fields: { audience?: string; scopes?: readonly string[] } = {},
): Promise<TestClient> {
  const { audience = null, scopes = ['introspect', 'revoke', 'token'] } = fields
  const made = await createServiceClient(db, { name: `client ${(clients += 1)}`, audience, scopes })
  return { ...made, basic: basicOf(made.clientId, made.clientSecret) }
}

export function basicOf(clientId: string, clientSecret: string): string {
  return `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`
}

export interface FormAnswer {
  status: number
  body: Record<string, unknown>
  text: string
  headers: Record<string, unknown>
}

export type Form = Record<string, string> | string

/** A form to a path under /oauth2, as a client sends it. */
export async function postForm(
  { app }: Pick<TestApp, 'app'>,
  path: string,
  form: Form,
  {
    authorization,
    ip,
    headers = {},
  }: { authorization?: string; ip?: string; headers?: Record<string, string> } = {},
): Promise<FormAnswer> {
  const answer = await app.inject({
    method: 'POST',
    url: `/oauth2${path}`,
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      ...(authorization !== undefined && { authorization }),
      ...headers,
    },
    payload: typeof form === 'string' ? form : new URLSearchParams(form).toString(),
    ...(ip !== undefined && { remoteAddress: ip }),
  })
  const isJson = String(answer.headers['content-type']).startsWith('application/json')
  return {
    status: answer.statusCode,
    body: isJson ? answer.json() : {},
    text: answer.body,
    headers: answer.headers,
  }
}
