/** Where a login may lead: to pages of this app, whatever somebody writes into a link. */
import { createClient, defineProvider } from '@grantkit/core'
import { describe, expect, test } from 'vitest'
import { createSite } from '../src/paths.js'
import { checkedPage, pageOf } from '../src/return-to.js'

const metadata = { issuer: 'https://as.example', token_endpoint: 'https://as.example/token' }
const client = createClient({ provider: defineProvider({ name: 'as', metadata }), clientId: 'app', clientSecret: 's' })
const site = createSite(client, 'https://app.example/callback')

describe('a page of this app', () => {
  test.each([
    ['/', 'https://app.example/'],
    [
      '/accounts?of=1&to=https%3A%2F%2Fother.example#top',
      'https://app.example/accounts?of=1&to=https%3A%2F%2Fother.example#top',
    ],
    ['/konten/Übersicht', 'https://app.example/konten/%C3%9Cbersicht'],
    ['https://app.example/accounts', 'https://app.example/accounts'],
    ['HTTPS://APP.EXAMPLE:443/accounts', 'https://app.example/accounts'],
    ['/a/../b', 'https://app.example/b'],
    ['/@other.example', 'https://app.example/@other.example'],
    ['/%2f%2fother.example', 'https://app.example/%2f%2fother.example'],
    ['/?next=//other.example', 'https://app.example/?next=//other.example'],
    ['https://app.example\\@other.example/', 'https://app.example/@other.example/'],
    // what would be another host as a path alone
    ['/.//other.example', 'https://app.example//other.example'],
    ['/a/..//other.example', 'https://app.example//other.example'],
    ['/%2e%2e//other.example', 'https://app.example//other.example'],
    ['/accounts\r\nSet-Cookie: a=b', 'https://app.example/accountsSet-Cookie:%20a=b'],
    ['/\u0000accounts', 'https://app.example/%00accounts'],
  ])('%j is %s', (returnTo, page) => {
    expect(pageOf(site, returnTo)).toBe(page)
    expect(new URL(page).origin).toBe('https://app.example')
  })
})

describe('no page of this app', () => {
  test.each([
    '',
    'accounts',
    '?of=1',
    '#top',
    '//other.example',
    '///other.example',
    '////other.example',
    '/\\other.example',
    '\\/other.example',
    '\\\\other.example',
    '/\\/other.example',
    '/\t/other.example',
    '/\n/other.example',
    '/\r\n/other.example',
    '\t//other.example',
    ' //other.example',
    ' https://other.example',
    '/\t\\other.example',
    'https:other.example',
    'https:/other.example',
    'https:///other.example',
    'https://other.example',
    'https:\\\\other.example',
    'http://app.example/',
    'https://app.example:8443/',
    'https://app.example.other.example/',
    'https://app.example@other.example/',
    'https://user@app.example/',
    'https://user:password@app.example/',
    'https://app.example%2eother.example/',
    'https://app。example.other/',
    'HTTPS://OTHER.EXAMPLE',
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    'java\tscript:alert(1)',
    'data:text/html,x',
    'blob:https://app.example/x',
    'filesystem:https://app.example/x',
    'ftp://app.example/',
    'mailto:a@app.example',
    '%2f%2fother.example',
    '%68ttps://other.example',
    '/login',
    '/login?returnTo=/login',
    '/./logout',
    '/callback?code=1&state=2',
    'https://app.example/logout',
    `/${'a'.repeat(2000)}`,
    `/${'ü'.repeat(400)}`,
  ])('is %j', returnTo => {
    expect(pageOf(site, returnTo)).toBeUndefined()
    expect(() => checkedPage(site, returnTo)).toThrow(
      expect.objectContaining({ name: 'TypeError', option: 'returnTo' }),
    )
  })

  test.each([undefined, null, 7, ['/accounts'], { toString: () => '/accounts' }])('is %j', returnTo => {
    expect(pageOf(site, returnTo)).toBeUndefined()
  })
})
