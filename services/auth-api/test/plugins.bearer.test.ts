// Attack: a token that is sent in an odd way, so that a proxy sees one request and the api another.
import t from 'tap'
import { openDoor } from './support/open-door.js'
import { register } from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

t.test('one header, one scheme, one token, and nowhere else', async (t) => {
  const { app } = await createTestApp(t)
  const present = await openDoor(t, app)
  const { accessToken } = await register(app)
  t.equal(await present([`bearer ${accessToken}`]), 'accepted', 'the scheme has no case (RFC 9110, 11.1)')
  const wrong: Record<string, [string[], string]> = {
    'two headers, both good': [[`Bearer ${accessToken}`, `Bearer ${accessToken}`], 'token_invalid'],
    'a good header and a bad one': [[`Bearer ${accessToken}`, 'Bearer x'], 'token_invalid'],
    'two tokens in one header': [[`Bearer ${accessToken}, Bearer ${accessToken}`], 'token_invalid'],
    'two spaces': [[`Bearer  ${accessToken}`], 'token_invalid'],
    'a tab': [[`Bearer\t${accessToken}`], 'token_invalid'],
    'a token that is quoted': [[`Bearer "${accessToken}"`], 'token_invalid'],
    'no scheme': [[accessToken], 'token_invalid'],
    'the scheme alone': [['Bearer'], 'token_invalid'],
    'another scheme': [[`Basic ${Buffer.from(`x:${accessToken}`).toString('base64')}`], 'token_invalid'],
    DPoP: [[`DPoP ${accessToken}`], 'token_invalid'],
    'longer than a token can be': [[`Bearer ${accessToken}${'A'.repeat(4096)}`], 'token_invalid'],
    'longer than a header may be': [[`Bearer ${'A'.repeat(20_000)}`], 'headers_too_large'],
  }
  for (const [name, [headers, code]] of Object.entries(wrong)) t.equal(await present(headers), code, name)
  t.equal(await present([], `?access_token=${accessToken}`), 'token_missing', 'RFC 6750, 2.3 is not for us')
})
