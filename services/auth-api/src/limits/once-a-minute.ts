import { LruMap } from 'toad-cache'

const minuteMs = 60_000
const maxKeys = 5000

/** True for the first time that a key is given in a minute: a flood of refusals becomes no flood of events. */
export type OnceAMinute = (key: string) => boolean

export function createOnceAMinute(): OnceAMinute {
  const told = new LruMap<true>(maxKeys, minuteMs)
  return (key) => {
    if (told.get(key) === true) return false
    told.set(key, true)
    return true
  }
}
