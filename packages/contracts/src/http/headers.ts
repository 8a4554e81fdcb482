import { Type } from 'typebox'

/** What a sign-in may say of where its session is to be kept. */
export const SessionModeHeader = Type.Object({
  'x-session-mode': Type.Optional(
    Type.Literal('cookie', { description: 'Keeps the tokens in cookies instead of answering them' }),
  ),
})

/** Where a client of server-sent events was when its connection broke. */
export const LastEventIdHeader = Type.Object({
  'last-event-id': Type.Optional(Type.String({ pattern: '^[0-9]{1,18}$' })),
})
