/**
 * What authenticators keep of a user: the 16 bytes of the id, which says nothing about the person (Web Authentication Level 3, 14.6.1).
 */
export const userHandleOf = (userId: string): string =>
  Buffer.from(userId.replaceAll('-', ''), 'hex').toString('base64url')
