import { isIP } from 'node:net'
import { listOf, origin, Refusal, type Parser } from '../parsers.js'
import { defaulted, type TextOf } from '../setting.js'

/** A domain, which passkeys are bound to for as long as they live. Browsers refuse an address. */
const relyingPartyId: Parser<string> = (text) => {
  const isName = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/.test(
    text,
  )
  if (!isName) throw new Refusal('must be a domain like example.com, in lower case, without scheme and port')
  return text
}

/** What an Android app calls itself: the SHA-256 of the certificate that it is signed with. */
const androidApp = /^android:apk-key-hash:[A-Za-z0-9_-]{43}$/

const ceremonyOrigin: Parser<string> = (text) => (androidApp.test(text) ? text : origin(text))

const name: Parser<string> = (text) => {
  // oxlint-disable-next-line no-control-regex -- which is what a name must not have
  if (!/^[^\u0000-\u001f\u007f-\u009f]{1,64}$/.test(text))
    throw new Refusal('must be 1 to 64 characters of one line')
  return text
}

export const passkeySettings = {
  webauthnRpId: defaulted(
    'WEBAUTHN_RP_ID',
    relyingPartyId,
    { words: "PUBLIC_URL's host; localhost where that is an address", compute: publicDomain },
    'Domain that passkeys are for: of the pages that ask for them, or a parent. Changing it makes all passkeys useless.',
  ),
  webauthnRpName: defaulted(
    'WEBAUTHN_RP_NAME',
    name,
    { words: 'WEBAUTHN_RP_ID', compute: (textOf) => textOf('WEBAUTHN_RP_ID') },
    'What a browser calls this service when it asks for a passkey.',
  ),
  webauthnOrigins: defaulted(
    'WEBAUTHN_ORIGINS',
    listOf(ceremonyOrigin),
    { words: 'PUBLIC_URL and ALLOWED_ORIGINS, as far as they are under WEBAUTHN_RP_ID', compute: originsOf },
    'Origins whose pages may ask for passkeys, separated by commas; also apps, as android:apk-key-hash:HASH.',
  ),
}

function publicDomain(textOf: TextOf): string | undefined {
  const url = publicUrl(textOf)
  return url && (isAddress(url) ? 'localhost' : url.hostname)
}

/** The public one stands for itself where none is under the id, so that the rule about them says so. */
function originsOf(textOf: TextOf): string | undefined {
  const url = publicUrl(textOf)
  const id = textOf('WEBAUTHN_RP_ID')
  if (url === undefined || id === undefined) return undefined
  if (isAddress(url)) url.hostname = 'localhost'
  const others = (textOf('ALLOWED_ORIGINS') ?? '').split(',').map((text) => text.trim())
  const found = [url.origin, ...others].filter((text) => isOriginOf(text, id))
  return found.length > 0 ? [...new Set(found)].join(',') : url.origin
}

function publicUrl(textOf: TextOf): URL | undefined {
  const text = textOf('PUBLIC_URL')
  return text !== undefined && URL.canParse(text) ? new URL(text) : undefined
}

const isAddress = ({ hostname }: URL): boolean => isIP(hostname.replace(/^\[|\]$/g, '')) !== 0

/** Whether a page of this origin may ask for passkeys of the domain, once it came by https. An app proves its own right to. */
export function isOriginOf(text: string, domain: string): boolean {
  if (androidApp.test(text)) return true
  if (!URL.canParse(text)) return false
  const { hostname } = new URL(text)
  return hostname === domain || hostname.endsWith(`.${domain}`)
}
