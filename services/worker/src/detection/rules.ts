import type { Rule } from './rule.js'
import { adminOddHours } from './rules/admin-odd-hours.js'
import { bruteForce } from './rules/brute-force.js'
import { credentialStuffing } from './rules/credential-stuffing.js'
import { exportBurst } from './rules/export-burst.js'
import { failuresThenSuccess } from './rules/failures-then-success.js'
import { impossibleTravel } from './rules/impossible-travel.js'
import { manyAccountsOneDevice } from './rules/many-accounts-one-device.js'
import { mfaFatigue } from './rules/mfa-fatigue.js'
import { newDeviceNewCountry } from './rules/new-device-new-country.js'
import { passwordSpraying } from './rules/password-spraying.js'
import { privilegeChange } from './rules/privilege-change.js'
import { refreshReuse } from './rules/refresh-reuse.js'

export const rules: readonly Rule[] = [
  bruteForce,
  credentialStuffing,
  passwordSpraying,
  manyAccountsOneDevice,
  newDeviceNewCountry,
  impossibleTravel,
  refreshReuse,
  mfaFatigue,
  failuresThenSuccess,
  privilegeChange,
  adminOddHours,
  exportBurst,
]
