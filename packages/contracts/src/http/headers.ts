import { Type } from 'typebox'

/** What a sign-in may say of where its session is to be kept. */
export const SessionModeHeader = Type.Object({
  'x-session-mode': Type.Optional(
    Type.Literal('cookie', { description: 'Keeps the tokens in cookies instead of answering them' }),
  ),
})
