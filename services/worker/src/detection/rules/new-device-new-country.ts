import { isNewDevice } from '../familiarity.js'
import { countriesOf } from '../places.js'
import type { Rule } from '../rule.js'

/**
 * A sign-in on a device and in a country that are both new to the user. A traveller brings a known phone, and a new phone is mostly set up at home;
 * together they are what a sign-in with a stolen password looks like. Silent without GEOIP_DB, and until a country of the user is known.
 */
export const newDeviceNewCountry: Rule = {
  name: 'new-device-new-country',
  severity: 'warning',
  reason: 'A sign-in came from a device and a country that are both new to the user.',
  concerns: ['login.succeeded'],
  watches: { user: { counts: 'events', spans: [{ seconds: 3600, threshold: 1 }] } },
  look: (event, view) => {
    const { ip, userId } = event
    if (userId === null || !isNewDevice(event)) return []
    const place = view.place(ip)
    if (place === null) return []
    const known = countriesOf(view.signIns(), view.place)
    if (known.size === 0 || known.has(place.country)) return []
    const data = { country: place.country, knownCountries: [...known] }
    return [{ does: 'adds', watch: 'user', key: userId, about: { subject: userId, userId, ip, data } }]
  },
}
