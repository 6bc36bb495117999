/** Keys as other libraries hand them over: `npm run typecheck` compiles this, nothing runs it. */
import { generateKeyPairSync, webcrypto } from 'node:crypto'
import { exportJWK } from 'jose'
import { dpopKey, jwkThumbprint, signer } from '../../src/index.js'

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
declare const cryptoKey: webcrypto.CryptoKey

signer({ key: privateKey.export({ format: 'jwk' }), alg: 'ES256' })
signer({ key: await webcrypto.subtle.exportKey('jwk', cryptoKey), alg: 'ES256' })
signer({ key: await exportJWK(cryptoKey), alg: 'ES256' })
signer({ key: { kty: 'EC', crv: 'P-256', kid: 'one', x: '', y: '', d: '', x5c: [''] }, alg: 'ES256' })
// @ts-expect-error an object of a class is no JWK
signer({ key: new Date(), alg: 'ES256' })
jwkThumbprint(dpopKey().publicJwk, 'sha256')
