// Attack: a token that we did not sign, or did not sign for this. RFC 8725 and its list of what went wrong elsewhere.
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import * as jose from 'jose'
import t, { type Test } from 'tap'
import { createForge, encode, foreignKey } from './support/forged-tokens.js'
import { openDoor } from './support/open-door.js'
import { register } from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

for (const signingAlgorithm of ['ES256', 'EdDSA'] as const) {
  void t.test(`access tokens signed with ${signingAlgorithm}, over a socket`, async (t) => {
    await tryTokens(t, signingAlgorithm)
  })
}

async function tryTokens(t: Test, signingAlgorithm: 'ES256' | 'EdDSA'): Promise<void> {
  const { app, api, deps } = await createTestApp(t, { signingAlgorithm })
  const present = await openDoor(t, app)
  const { accessToken, sessionId, user } = await register(app)
  const forge = createForge(deps, accessToken)
  const { header, payload } = forge
  const now = Math.floor(Date.now() / 1000)
  const attempt = (token: string): Promise<unknown> => present([`Bearer ${token}`])

  await t.test(
    'carries the claims of RFC 9068, and its header nothing but algorithm, type and key',
    async (t) => {
      t.same(header, { alg: signingAlgorithm, typ: 'at+jwt', kid: deps.signingKeys.current().kid })
      t.match(payload, {
        iss: deps.config.issuer,
        aud: deps.config.audience,
        sub: user.id,
        sid: sessionId,
        gen: 1,
        jti: /^[0-9a-f-]{36}$/,
        roles: ['user'],
        aal: 1,
        amr: ['pwd'],
      })
      t.ok(Math.abs(Number(payload['iat']) - now) < 5)
      t.ok(Math.abs(Number(payload['auth_time']) - now) < 5)
      t.equal(Number(payload['exp']) - Number(payload['iat']), 900)
      t.same(Object.keys(payload).toSorted(), [
        'aal',
        'amr',
        'aud',
        'auth_time',
        'exp',
        'gen',
        'iat',
        'iss',
        'jti',
        'roles',
        'sid',
        'sub',
      ])
    },
  )

  await t.test('is verified by another library with the published keys alone', async (t) => {
    const { body } = await api('GET', '/.well-known/jwks.json')
    const keys = jose.createLocalJWKSet(body as unknown as jose.JSONWebKeySet)
    const { issuer, audience } = deps.config
    const verified = await jose.jwtVerify(accessToken, keys, {
      issuer,
      audience,
      typ: 'at+jwt',
      algorithms: [signingAlgorithm],
    })
    t.equal(verified.payload.sub, user.id)
  })

  await t.test(
    'signed anew, unchanged, it is good: what follows is refused for its one change',
    async (t) => {
      t.equal(await attempt(forge.signed(header, payload)), 'accepted')
    },
  )

  await t.test('algorithm', async (t) => {
    const { kid } = header
    const publicPem = deps.signingKeys.verificationKey(String(kid))?.publicKeyPem ?? ''
    const publicDer = createPublicKey(publicPem).export({ type: 'spki', format: 'der' })
    const publicJwk = JSON.stringify(createPublicKey(publicPem).export({ format: 'jwk' }))
    const [ours, other] =
      signingAlgorithm === 'ES256' ? (['ES256', 'EdDSA'] as const) : (['EdDSA', 'ES256'] as const)
    const { privateKey: otherKey } =
      other === 'EdDSA' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const unsigned = (alg: unknown): string => `${encode({ ...header, alg })}.${encode(payload)}.`
    const tokens = {
      'alg none': unsigned('none'),
      'alg None': unsigned('None'),
      'alg nOnE': unsigned('nOnE'),
      'alg empty': unsigned(''),
      'alg null': unsigned(null),
      'alg a list': forge.signed({ ...header, alg: [ours] }, payload),
      'alg in lower case': forge.signed({ ...header, alg: ours.toLowerCase() }, payload),
      'no alg': forge.signed({ typ: header['typ'], kid }, payload),
      'no signature': accessToken.slice(0, accessToken.lastIndexOf('.') + 1),
      'HS256 with the public key as PEM': forge.hmac(publicPem, { ...header, alg: 'HS256' }, payload),
      'HS256 with the public key as DER': forge.hmac(publicDer, { ...header, alg: 'HS256' }, payload),
      'HS256 with the public key as PEM without its last line break': forge.hmac(
        publicPem.trimEnd(),
        { ...header, alg: 'HS256' },
        payload,
      ),
      'HS256 with the public key as JWK': forge.hmac(publicJwk, { ...header, alg: 'HS256' }, payload),
      'HS256 with an empty secret': forge.hmac('', { ...header, alg: 'HS256' }, payload),
      'HS256 with the name of the key': forge.hmac(String(kid), { ...header, alg: 'HS256' }, payload),
      'another algorithm under our kid': forge.signedBy(otherKey, { ...header, alg: other }, payload),
      'a signature of another algorithm called ours': forge.signedBy(otherKey, header, payload),
      'our signature called another': forge.signed({ ...header, alg: other }, payload),
      'our signature called ES384': forge.signed({ ...header, alg: 'ES384' }, payload),
    }
    for (const [name, token] of Object.entries(tokens)) t.equal(await attempt(token), 'token_invalid', name)
  })

  await t.test('key', async (t) => {
    const { privateKey, publicJwk } = foreignKey()
    const tokens = {
      'a foreign key under our kid': forge.signedBy(privateKey, header, payload),
      'a kid that nobody has': forge.signed({ ...header, kid: 'A'.repeat(43) }, payload),
      'a kid that is a path': forge.signed({ ...header, kid: '../../dev/null' }, payload),
      'a kid that is SQL': forge.signed({ ...header, kid: "' OR 1=1 --" }, payload),
      'a kid that every object has': forge.signed({ ...header, kid: '__proto__' }, payload),
      'a kid that is a list': forge.signed({ ...header, kid: [header['kid']] }, payload),
      'no kid': forge.signed({ alg: signingAlgorithm, typ: 'at+jwt' }, payload),
      'jwk in the header': forge.signedBy(privateKey, { ...header, jwk: publicJwk }, payload),
      'jwk beside our own signature': forge.signed({ ...header, jwk: publicJwk }, payload),
      'jku in the header': forge.signed({ ...header, jku: 'http://127.0.0.1:1/jwks.json' }, payload),
      'x5u in the header': forge.signed({ ...header, x5u: 'http://127.0.0.1:1/cert' }, payload),
      'crit in the header': forge.signed({ ...header, crit: ['exp'] }, payload),
      'an unencoded payload (RFC 7797)': forge.signed({ ...header, b64: false, crit: ['b64'] }, payload),
      'a compressed payload': forge.signed({ ...header, zip: 'DEF' }, payload),
    }
    for (const [name, token] of Object.entries(tokens)) t.equal(await attempt(token), 'token_invalid', name)
  })

  await t.test('type: a token for something else is not one for access (RFC 8725, 3.11)', async (t) => {
    for (const typ of [
      'JWT',
      'jwt',
      'id+jwt',
      'application/at+jwt',
      'AT+JWT',
      'at+jwt ',
      null,
      undefined,
      ['at+jwt'],
    ]) {
      t.equal(await attempt(forge.signed({ ...header, typ }, payload)), 'token_invalid', String(typ))
    }
  })

  await t.test('claims', async (t) => {
    const changes: Record<string, Record<string, unknown>> = {
      'another issuer': { iss: 'https://elsewhere.example' },
      'an issuer that begins like ours': { iss: `${deps.config.issuer}.elsewhere.example` },
      'several issuers': { iss: [deps.config.issuer, 'x'] },
      'another audience': { aud: 'another-service' },
      'several audiences': { aud: [deps.config.audience, 'another-service'] },
      'a subject that is no text': { sub: { $ne: null } },
      'an empty subject': { sub: '' },
      'a session that is a list': { sid: [sessionId] },
      'generation as text': { gen: '1' },
      'generation zero': { gen: 0 },
      'half a generation': { gen: 1.5 },
      'roles as text': { roles: 'admin' },
      'expiry as text': { exp: String(now + 600) },
      'expiry without end': { exp: Infinity },
      'expiry null': { exp: null },
    }
    for (const [name, change] of Object.entries(changes)) {
      t.equal(await attempt(forge.signed(header, { ...payload, ...change })), 'token_invalid', name)
    }
    for (const claim of [
      'iss',
      'aud',
      'sub',
      'sid',
      'gen',
      'exp',
      'iat',
      'jti',
      'roles',
      'aal',
      'amr',
      'auth_time',
    ]) {
      const { [claim]: _removed, ...others } = payload
      t.equal(await attempt(forge.signed(header, others)), 'token_invalid', `without ${claim}`)
    }
  })

  await t.test('time: 30 s of leeway, and not one more', async (t) => {
    t.equal(await attempt(forge.signed(header, { ...payload, exp: now - 25 })), 'accepted')
    t.equal(await attempt(forge.signed(header, { ...payload, exp: now - 31 })), 'token_expired')
    t.equal(await attempt(forge.signed(header, { ...payload, exp: 0 })), 'token_expired')
    t.equal(await attempt(forge.signed(header, { ...payload, nbf: now + 25 })), 'accepted')
    t.not(await attempt(forge.signed(header, { ...payload, nbf: now + 60 })), 'accepted')
  })

  await t.test('one bit', async (t) => {
    const [head = '', body = '', signature = ''] = accessToken.split('.')
    const bent = Buffer.from(signature, 'base64url')
    bent.writeUInt8(bent.readUInt8(0) ^ 1, 0)
    t.equal(await attempt(`${head}.${body}.${bent.toString('base64url')}`), 'token_invalid')
    t.equal(
      await attempt(`${head}.${encode({ ...payload, roles: ['admin'] })}.${signature}`),
      'token_invalid',
    )
  })

  await t.test('degenerate signatures', async (t) => {
    const [head = '', body = '', signature = ''] = accessToken.split('.')
    const good = Buffer.from(signature, 'base64url')
    const [first, second] = [good.subarray(0, 32), good.subarray(32)]
    const zero = Buffer.alloc(32)
    const signatures: Record<string, Buffer> = {
      'all zero (CVE-2022-21449)': Buffer.alloc(64),
      empty: Buffer.alloc(0),
      'one byte short': good.subarray(0, 63),
      'one byte long': Buffer.concat([good, Buffer.alloc(1)]),
      'halves swapped': Buffer.concat([second, first]),
      'first half zero': Buffer.concat([zero, second]),
      'second half zero': Buffer.concat([first, zero]),
      'first half the order of P-256': Buffer.concat([orderOfP256, second]),
      'second half the order of P-256': Buffer.concat([first, orderOfP256]),
      'S beyond the order of Ed25519 (RFC 8032, 5.1.7)': Buffer.concat([
        first,
        addLittleEndian(second, orderOfEd25519),
      ]),
      'R the neutral element': Buffer.concat([Buffer.from(`01${'00'.repeat(31)}`, 'hex'), zero]),
      'as DER': Buffer.concat([Buffer.from([0x30, 68, 2, 32]), first, Buffer.from([2, 32]), second]),
    }
    for (const [name, bytes] of Object.entries(signatures))
      t.equal(await attempt(`${head}.${body}.${bytes.toString('base64url')}`), 'token_invalid', name)
  })

  await t.test('spellings', async (t) => {
    const [head = '', body = '', signature = ''] = accessToken.split('.')
    for (const odd of [
      `${accessToken}=`,
      `${accessToken}.x`,
      `${head}.${body}`,
      `${head}..${signature}`,
      '..',
      'a.b.c',
      `${accessToken}A`,
      `${head}.${body}.${Buffer.from(signature, 'base64url').toString('base64')}==`,
      `${head}.${body}.${signature.slice(0, 10)}!${signature.slice(10)}`,
    ]) {
      t.equal(await attempt(odd), 'token_invalid', odd.slice(-20))
    }
  })

  await t.test('an unknown key costs one look into PostgreSQL a second, however many ask', async (t) => {
    const before = await selectsOfSigningKeys()
    await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        attempt(forge.signed({ ...header, kid: `${'B'.repeat(40)}${100 + n}` }, payload)),
      ),
    )
    const after = await selectsOfSigningKeys()
    t.ok(after - before <= 2, `${after - before} looks`)
  })

  async function selectsOfSigningKeys(): Promise<number> {
    const { values } = await deps.metrics.databaseQueryDurationSeconds.get()
    const count = values.find(
      ({ metricName, labels }) =>
        metricName?.endsWith('_count') === true &&
        labels.table === 'signing_keys' &&
        labels.operation === 'select',
    )
    return count?.value ?? 0
  }
}

const orderOfP256 = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex')
const orderOfEd25519 = Buffer.from('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010', 'hex')

function addLittleEndian(a: Buffer, b: Buffer): Buffer {
  let carry = 0
  return Buffer.from(
    a.map((byte, index) => {
      const sum = byte + (b[index] ?? 0) + carry
      carry = sum >> 8
      return sum & 255
    }),
  )
}
