/**
 * RFC 8176: the proof of a key, in hardware or copied between devices, whose authenticator has asked for a finger, a face or a PIN. Those
 * are two factors, NIST SP 800-63B-4, 3.1.7.
 */
export const amrOfPasskey = ({ isSynced }: { isSynced: boolean }): string[] => [
  isSynced ? 'swk' : 'hwk',
  'user',
  'mfa',
]
