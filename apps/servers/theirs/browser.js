/** What a browser does of a login: it keeps cookies, follows redirects and sends the forms it is shown. */

const mostSteps = 20

export function browser() {
  const cookies = new Map()
  const cookie = () => [...cookies].map(pair => pair.join('=')).join('; ')
  return {
    cookie,
    /** One request, without following where it leads. */
    async visit(url, init = {}) {
      const headers = { ...init.headers, cookie: cookie() }
      const response = await fetch(url, { ...init, headers, redirect: 'manual' })
      for (const line of response.headers.getSetCookie()) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(line) ?? []
        if (value === '') cookies.delete(name)
        else cookies.set(name, value)
      }
      return response
    },
    /**
     * From the authorization request to the redirect URI.
     *
     * @param answers what is written into forms, by the name of the field
     * @returns the parameters of the authorization response
     */
    async logIn(authorizationUrl, redirectUri, answers = {}) {
      let [url, init] = [String(authorizationUrl), undefined]
      for (let step = 0; step < mostSteps; step++) {
        if (url.startsWith(redirectUri)) return Object.fromEntries(new URL(url).searchParams)
        const response = await this.visit(url, init)
        const location = response.headers.get('location')
        if (location !== null) [url, init] = [new URL(location, url).href, undefined]
        else [url, init] = next(await response.text(), url, answers)
      }
      throw new Error('the login led nowhere')
    },
  }
}

/** Where a page leads: by the JSON that a script gets, or by its form. */
function next(body, url, answers) {
  return body.startsWith('{') ? [JSON.parse(body).url, undefined] : formIn(body, url, answers)
}

function formIn(html, url, answers) {
  const [, action] = /<form[^>]* action="([^"]+)"/.exec(html) ?? []
  if (action === undefined) throw new Error(`expected a form, got ${html.slice(0, 200)}`)
  const fields = new URLSearchParams()
  for (const [tag] of html.matchAll(/<input[^>]*>/g)) {
    const [, name] = /name="([^"]+)"/.exec(tag) ?? []
    const [, value = ''] = /value="([^"]*)"/.exec(tag) ?? []
    if (name !== undefined) fields.set(name, answers[name] ?? value)
  }
  return [new URL(action, url).href, { method: 'POST', body: fields }]
}
