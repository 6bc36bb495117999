/** Everything the server can do wrong on request, by name: the stage, then what is wrong with it. */

/**
 * Something the server does wrong: what it is about, then what is wrong with it. ID tokens, signed responses (JARM) and
 * signed userinfo share what can be wrong with any JWT; documents and answers, what can be wrong with any JSON.
 */
export type Misbehaviour =
  | `${'id-token' | 'jarm' | 'userinfo'}: ${
      | 'wrong iss'
      | 'iss with a slash'
      | 'missing iss'
      | 'wrong aud'
      | 'aud that starts right'
      | 'missing aud'
      | 'aud as array'
      | 'empty aud'
      | 'expired'
      | 'missing exp'
      | 'exp as text'
      | 'not yet valid'
      | 'alg none'
      | 'empty signature'
      | 'bad signature'
      | 'HS256 with the public key'
      | 'HS256 with the client secret'
      | 'other alg'
      | 'other alg ES256'
      | 'unknown crit'
      | 'empty crit'
      | 'unknown kid'
      | 'missing kid'
      | 'kid as a path'
      | 'another key'
      | 'key in the header'
      | 'key at a URL'
      | 'two parts'
      | 'claims as array'
      | 'claims not JSON'
      | 'duplicate claims'
      | 'deep claims'
      | 'huge claims'}`
  | `${'discovery' | 'jwks' | 'pushed-authorization' | 'token-response' | 'userinfo'}: ${
      | 'not JSON'
      | 'JSON array'
      | 'JSON null'
      | 'deep'
      | 'duplicate members'
      | 'prototype members'}`
  | `id-token: ${
      | 'several aud without azp'
      | 'several aud with azp'
      | 'wrong azp'
      | 'missing sub'
      | 'empty sub'
      | 'sub as number'
      | 'other sub'
      | 'missing iat'
      | 'iat a week ago'
      | 'iat in the future'
      | 'wrong nonce'
      | 'missing nonce'
      | 'wrong at_hash'
      | 'missing at_hash'
      | 'wrong c_hash'
      | 'missing c_hash'
      | 'wrong s_hash'
      | 'missing s_hash'
      | 'wrong acr'
      | 'missing acr'
      | 'old auth_time'
      | 'missing auth_time'
      | 'wrong openbanking_intent_id'
      | 'missing openbanking_intent_id'
      | 'weak key'
      | 'encrypted with RSA1_5'
      | 'encrypted to another key'
      | 'encrypted and not signed'
      | 'encrypted and compressed'
      | 'not encrypted'
      | "a stranger's"}`
  | `access-token: ${'cnf of another key' | 'cnf of another certificate' | 'missing cnf'}`
  | `authorization-response: ${
      | 'wrong state'
      | 'missing state'
      | 'doubled state'
      | 'wrong iss'
      | 'iss with a slash'
      | 'missing iss'
      | 'doubled iss'
      | 'missing code'
      | 'empty code'
      | 'doubled code'
      | 'missing id_token'
      | 'access_token in front'
      | 'error and code'
      | 'access_denied'
      | 'access_denied in the query'
      | 'access_denied in the fragment'
      | 'error elsewhere'
      | 'code elsewhere'
      | 'other place'
      | 'plain instead of JARM'
      | 'JARM instead of plain'
      | 'hostile error_description'}`
  | `jarm: ${'wrong state' | 'missing state' | 'long exp' | 'missing code' | 'code as number' | 'an ID token'}`
  | `discovery: ${
      | 'other issuer'
      | 'issuer with a slash'
      | 'missing issuer'
      | 'missing jwks_uri'
      | 'missing token_endpoint'
      | 'missing authorization_endpoint'
      | 'http endpoints'
      | 'javascript authorization_endpoint'
      | 'authorization_endpoint with a query'
      | 'only weak algorithms'}`
  | `jwks: ${
      | 'missing keys'
      | 'no keys'
      | 'keys as object'
      | 'private keys'
      | 'duplicated kids'
      | "a stranger's keys"
      | 'no kids'
      | 'several keys without kid'
      | 'keys for encryption'
      | 'symmetric keys'
      | 'rubbish among the keys'
      | 'too many keys'}`
  | `pushed-authorization: ${
      | 'missing request_uri'
      | 'empty request_uri'
      | 'request_uri as number'
      | 'request_uri elsewhere'
      | 'missing expires_in'
      | 'expires_in as text'
      | 'status 200'}`
  | `token-response: ${
      | 'other token_type'
      | 'missing token_type'
      | 'token_type Bearer'
      | 'token_type DPoP'
      | 'token_type in other case'
      | 'missing access_token'
      | 'empty access_token'
      | 'access_token as object'
      | 'access_token with a line break'
      | 'missing id_token'
      | 'id_token as number'
      | 'missing expires_in'
      | 'negative expires_in'
      | 'zero expires_in'
      | 'huge expires_in'
      | 'expires_in as text'
      | 'expires_in not a number'
      | 'missing scope'
      | 'other scope'
      | 'missing refresh_token'}`
  | `logout-response: ${'wrong state' | 'missing state'}`
  | `userinfo: ${'other sub' | 'missing sub' | 'unsigned'}`
  | `dpop: ${
      | 'use_dpop_nonce'
      | 'use_dpop_nonce without a nonce'
      | 'unusable nonce'
      | 'invalid_grant'
      | 'invalid_dpop_proof'
      | 'scheme in other case'}`

/** What can be spoilt: an ID token, an answer to an authorization request, a JWK set, … */
export type Stage = Misbehaviour extends `${infer Stage}: ${string}` ? Stage : never

/** What can be wrong with it. */
export type NameOf<S extends Stage> = Misbehaviour extends infer All
  ? All extends `${S}: ${infer Name}`
    ? Name
    : never
  : never
