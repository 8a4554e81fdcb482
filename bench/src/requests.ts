export const refreshPath = '/api/v1/auth/refresh'
export const loginPath = '/api/v1/auth/login'
export const mePath = '/api/v1/auth/me'
export const introspectPath = '/oauth2/introspect'

/** The access token that one refresh brings. */
export async function requestAccessToken(url: string, refreshToken: string): Promise<string> {
  const { accessToken } = await post(url + refreshPath, { refreshToken })
  return accessToken
}

export async function post(url: string, body: object): Promise<{ accessToken: string }> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${text}`)
  return JSON.parse(text) as { accessToken: string }
}
