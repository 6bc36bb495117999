/** Cases: what real gateways answer to a token they do not take, each recognised by its provider's own rule. */
import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import type { ApiRefusal } from '@grantkit/core'
import { accepting, answer, okBody } from '../servers/answers.js'
import { bearers, credentials, type HttpClientCase, succeed } from './scene.js'

interface Fault {
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
  /** As the provider's package has it, in short. */
  readonly recognizeRejection: (refusal: ApiRefusal) => boolean
}

const has900901 = ({ wwwAuthenticate, body }: ApiRefusal) => /\b900901\b/.test(`${wwwAuthenticate} ${body}`)
const has10001 = ({ body }: ApiRefusal) => /"code"\s*:\s*"?1000[12]\b/.test(body)
const jsonType = { 'content-type': 'application/json; charset=UTF-8' }

/** A new token helps. */
const recognised: Readonly<Record<string, Fault>> = {
  'WSO2’s JSON fault': {
    body: '{"fault":{"code":900901,"message":"Invalid Credentials","description":"Make sure you have provided the correct security credentials"}}',
    headers: {
      ...jsonType,
      'www-authenticate':
        'OAuth2 realm="WSO2 API Manager",error="invalid_token" , error_description="The access token expired or is invalid"',
    },
    recognizeRejection: has900901,
  },
  'WSO2’s XML fault': {
    body: '<ams:fault xmlns:ams="http://wso2.org/apimanager/security"><ams:code>900901</ams:code><ams:message>Invalid Credentials</ams:message></ams:fault>',
    headers: { 'content-type': 'application/xml; charset=UTF-8' },
    recognizeRejection: has900901,
  },
  'a malformed WWW-Authenticate': {
    body: '',
    headers: { 'www-authenticate': 'Bearer realm="api, error=invalid token 900901;;, =' },
    recognizeRejection: has900901,
  },
  'APK’s fault, recognised by the status alone': {
    body: '{"error_message":"Invalid Credentials","code":401,"ErrorDescription":"Make sure you have provided the correct security credentials"}',
    headers: jsonType,
    recognizeRejection: () => true,
  },
  'core banking’s list of errors': {
    body: '{"errors":[{"statusCode":401,"errorCode":"E401","errorMessage":"Token expired"}]}',
    headers: jsonType,
    recognizeRejection: ({ body }) => body.includes('"E401"'),
  },
  'Fiserv CIAM’s fault': {
    body: '{"code":"10001","message":"ACCESS_TOKEN_EXPIRED"}',
    headers: jsonType,
    recognizeRejection: has10001,
  },
  'a compressed fault': {
    body: '{"fault":{"code":900901}}',
    headers: { ...jsonType, 'content-encoding': 'gzip' },
    recognizeRejection: has900901,
  },
  'a fault with a long body': {
    body: `{"fault":{"code":900901,"description":"${'ü'.repeat(100_000)}"}}`,
    headers: jsonType,
    recognizeRejection: has900901,
  },
}

/** It does not. */
const others: Readonly<Record<string, Fault>> = {
  'WSO2’s fault for missing credentials': {
    body: '{"fault":{"code":900902,"message":"Missing Credentials"}}',
    headers: { ...jsonType, 'www-authenticate': 'OAuth2 realm="WSO2 API Manager", error="invalid_token"' },
    recognizeRejection: has900901,
  },
  'Fiserv CIAM’s fault for an unknown client': {
    body: '{"code":"10028","message":"UNAUTHORIZED_CLIENT"}',
    headers: jsonType,
    recognizeRejection: has10001,
  },
}

function handlerOf({ body, headers = {} }: Fault) {
  return answer(401, headers['content-encoding'] === 'gzip' ? gzipSync(body) : body, headers)
}

export const gatewayFaults: readonly HttpClientCase[] = [
  ...Object.entries(recognised).flatMap(([name, fault]): readonly HttpClientCase[] => [
    {
      name: `recognises ${name}, and sends the request once more`,
      async run(scene) {
        const { recognizeRejection } = fault
        const { api, server, client } = await scene.usual(undefined, { conform: { recognizeRejection } })
        api.handler = accepting(server.token(2), undefined, handlerOf(fault))
        const { body } = await succeed(client, { method: 'POST', url: '/', body: { json: { a: 1 } } })
        assert.equal(body, okBody)
        assert.deepEqual(credentials(api), bearers(server, 1, 2))
      },
    },
    {
      name: `hands on ${name} whole when a new token is rejected too`,
      async run(scene) {
        const { recognizeRejection } = fault
        const { api, server, client } = await scene.usual(handlerOf(fault), { conform: { recognizeRejection } })
        const { status, body } = await client.send({ url: '/' })
        assert.equal(status, 401)
        assert.ok(body === fault.body, `the body of ${fault.body.length} characters arrived as ${body.length} others`)
        assert.deepEqual(credentials(api), bearers(server, 1, 2))
      },
    },
  ]),
  ...Object.entries(others).map(
    ([name, fault]): HttpClientCase => ({
      name: `hands on ${name} whole, and renews nothing`,
      async run(scene) {
        const { recognizeRejection } = fault
        const { api, server, client } = await scene.usual(handlerOf(fault), { conform: { recognizeRejection } })
        const { status, body } = await client.send({ url: '/' })
        assert.deepEqual([status, body], [401, fault.body])
        assert.deepEqual([api.requests.length, server.requests], [1, 1])
      },
    }),
  ),
]
