import { normaliseEmail } from '../accounts/normalise-email.js'
import { isGstin } from './gstin.js'
import { isPan } from './pan.js'

/** ITU-T E.164: a country code, which never begins with 0, and 15 digits at most. No country has numbers of fewer than 8 in all. */
const phoneShape = /^\+[1-9]\d{7,14}$/

/** Formats of ours. */
export const ownFormats: Readonly<Record<string, (text: string) => boolean>> = {
  email: (text) => !/\s/.test(text) && normaliseEmail(text) !== null,
  phone: (text) => phoneShape.test(text),
  gstin: isGstin,
  pan: isPan,
}

/** Those of JSON Schema that ajv-formats checks in full, in time that grows with the text alone. */
export const standardFormats = ['date', 'time', 'date-time', 'uri', 'uuid'] as const

/** What `format` may say in TRAITS_SCHEMA, and what a person is told whose text has another form. */
export const formatMessages: Readonly<Record<string, string>> = {
  email: 'must be an e-mail address',
  phone: 'must be a phone number with country code, such as +919876543210',
  gstin: 'must be a GSTIN, such as 27AAPFU0939F1ZV',
  pan: 'must be a PAN, such as AAAPL1234C',
  date: 'must be a date, such as 2026-01-31',
  time: 'must be a time with its zone, such as 09:30:00Z',
  'date-time': 'must be a date and time with its zone, such as 2026-01-31T09:30:00Z',
  uri: 'must be a URI',
  uuid: 'must be a UUID',
} satisfies Record<(typeof standardFormats)[number] | 'email' | 'phone' | 'gstin' | 'pan', string>
