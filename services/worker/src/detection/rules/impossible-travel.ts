import { countriesOf, distanceKm } from '../places.js'
import type { Rule } from '../rule.js'

/** Faster than an airliner from gate to gate. */
const fastestKmh = 1000
/** Below this, addresses are located too badly to tell. */
const shortestKm = 500

/**
 * Two sign-ins of a user so far apart that nobody travels that fast. Only into a country where the user was not seen before: who switches a VPN on and
 * off is in both of its countries every day, and inside a country the location of an address is a guess. Needs coordinates: silent without GEOIP_DB,
 * and with a database of countries alone.
 */
export const impossibleTravel: Rule = {
  name: 'impossible-travel',
  severity: 'critical',
  reason: 'Two sign-ins of a user were further apart than anybody travels in the time between.',
  concerns: ['login.succeeded'],
  watches: { user: { counts: 'events', spans: [{ seconds: 3600, threshold: 1 }] } },
  look: (event, view) => {
    const { at, ip, userId } = event
    const here = view.place(ip)
    if (userId === null || here === null) return []
    const signIns = view.signIns()
    const last = signIns.find((signIn) => view.place(signIn.ip) !== null)
    const there = view.place(last?.ip ?? null)
    if (last === undefined || there === null) return []
    const km = distanceKm(there, here)
    if (km === null || km < shortestKm || countriesOf(signIns, view.place).has(here.country)) return []
    const hours = (at - last.at) / 3_600_000
    if (km <= hours * fastestKmh) return []
    const data = {
      from: there.country,
      to: here.country,
      km: Math.round(km),
      minutes: Math.round(hours * 60),
    }
    return [{ does: 'adds', watch: 'user', key: userId, about: { subject: userId, userId, ip, data } }]
  },
}
