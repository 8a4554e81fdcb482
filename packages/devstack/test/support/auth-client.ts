const person = { email: 'ada@example.com', password: 'violet kettle orbits slowly' }

/** Somebody who registers and signs in at the API at `baseUrl`; each answers the HTTP status. */
export function authClient(baseUrl: string): {
  register: () => Promise<number>
  login: () => Promise<number>
} {
  const post = async (path: string): Promise<number> => {
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(`${baseUrl}/api/v1/auth/${path}`, {
      method: 'POST',
      headers,
      body: JSON.stringify(person),
    })
    await answer.arrayBuffer()
    return answer.status
  }
  return { register: () => post('register'), login: () => post('login') }
}
