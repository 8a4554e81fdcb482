import { Browser } from './browser.js'
import type { ApiAnswer, TestApp } from './test-app.js'

export const returnTo = 'https://app.example.com/signed-in'

/** What the provider was asked, by way of the browser. */
export interface Begun {
  readonly url: URL
  readonly state: string
  readonly nonce: string
}

/** A browser on its way to a provider and back. */
export class FederatedBrowser extends Browser {
  constructor({ api }: Pick<TestApp, 'api'>) {
    super(api)
  }

  /** Opens a page, as a click on a link does. */
  open(path: string): Promise<ApiAnswer> {
    return this.call('GET', path, { headers: { origin: '', 'x-csrf-token': '' } })
  }

  async begin(provider: string, query: Record<string, string> = { returnTo }): Promise<Begun> {
    const answer = await this.open(`/oauth/${provider}?${new URLSearchParams(query).toString()}`)
    const url = locationOf(answer)
    return {
      url,
      state: url.searchParams.get('state') ?? '',
      nonce: url.searchParams.get('nonce') ?? '',
    }
  }

  /** Comes back with what the provider has added, and tells where it is led. */
  comeBack(provider: string, parameters: Record<string, string>): Promise<ApiAnswer> {
    return this.open(`/oauth/${provider}/callback?${new URLSearchParams(parameters).toString()}`)
  }
}

/** Where an answer leads. Throws when it leads nowhere. */
export function locationOf(answer: ApiAnswer): URL {
  const { location } = answer.headers
  if (answer.status !== 303 || typeof location !== 'string')
    throw new Error(`answered ${answer.status}: ${JSON.stringify(answer.body)}`)
  return new URL(location)
}

/** `code` or the code of the error, by which the application is told. */
export function outcomeOf(answer: ApiAnswer): { code: string | null; error: string | null } {
  const { searchParams } = locationOf(answer)
  return { code: searchParams.get('code'), error: searchParams.get('error') }
}
