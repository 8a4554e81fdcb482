// Attack: a key that is used with another algorithm than its own, or under a name that is not its own.
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'
import {
  generateSigningKey,
  readPrivateKeyPem,
  readPublicKey,
} from '@latchkey/platform/signing-keys/signing-key'
import { calculateJwkThumbprint, importJWK, jwtVerify, SignJWT } from 'jose'
import t from 'tap'

for (const algorithm of ['ES256', 'EdDSA'] as const) {
  t.test(`${algorithm}: another library agrees on the name, the public half and the signature`, async (t) => {
    const key = await generateSigningKey(algorithm)
    t.equal(key.kid, await calculateJwkThumbprint({ ...key.publicJwk }))
    t.match(key.publicJwk, { kid: key.kid, alg: algorithm, use: 'sig' })
    t.notOk('d' in key.publicJwk, 'the private half is not published')

    const privatePem = readPrivateKeyPem(key.privateKey, key.kid) ?? ''
    const token = await new SignJWT({})
      .setProtectedHeader({ alg: algorithm })
      .sign(createPrivateKey(privatePem))
    await jwtVerify(token, await importJWK({ ...key.publicJwk }), { algorithms: [algorithm] })

    const publicPem = readPublicKey(key.publicJwk, key.kid, algorithm)?.pem ?? ''
    const digest = algorithm === 'ES256' ? 'sha256' : null
    const text = Buffer.from('text')
    t.ok(verify(digest, text, createPublicKey(publicPem), sign(digest, text, createPrivateKey(privatePem))))
  })

  t.test(`${algorithm}: a key under another name or algorithm is not read`, async (t) => {
    const { publicJwk, kid, privateKey } = await generateSigningKey(algorithm)
    const other = await generateSigningKey(algorithm)
    t.equal(readPublicKey(publicJwk, other.kid, algorithm), null)
    t.equal(readPublicKey(publicJwk, kid, algorithm === 'ES256' ? 'EdDSA' : 'ES256'), null)
    t.equal(readPublicKey({ ...publicJwk, x: other.publicJwk.x }, kid, algorithm), null)
    t.equal(readPrivateKeyPem(privateKey, other.kid), null)
    t.equal(readPrivateKeyPem(Buffer.from('not a key'), kid), null)
  })
}

t.test('no two keys are alike', async (t) => {
  const keys = await Promise.all(Array.from({ length: 10 }, () => generateSigningKey('ES256')))
  t.equal(new Set(keys.map((key) => key.kid)).size, keys.length)
})

t.test('keys of another kind and what is no key at all are not read', async (t) => {
  const foreign = [
    generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' }),
    generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'jwk' }),
    generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' }),
    { kty: 'oct', k: 'c2VjcmV0' },
    { kty: 'EC', crv: 'P-256', x: 'AAAA', y: 'AAAA' },
    {},
    'text',
    null,
  ]
  for (const jwk of foreign) t.equal(readPublicKey(jwk, 'any', 'ES256'), null)
})

// RFC 7638, 3.1 names an RSA key; RFC 8037, A.3 has this Ed25519 one.
t.test('the name of a key is the published one', async (t) => {
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }
  t.ok(readPublicKey(jwk, 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k', 'EdDSA'))
})
