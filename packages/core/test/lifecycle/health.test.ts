import { describe, expect, test } from 'vitest'
import { AuthorizationServerError } from '../../src/index.js'
import { Health, inForce, type Rest, restMsAfter } from '../../src/lifecycle/health.js'

const failure = (retryAfterMs?: number) =>
  new AuthorizationServerError({ provider: 'p', serverStatus: 503, kind: 'transient', retryAfterMs })

/** How long a rest is that begins now. */
const restMs = (health: Health, who = 'nobody yet') => {
  const rest = health.restFor(who, 0)
  return rest && rest.until - rest.since
}

describe('a rest', () => {
  const rest: Rest = { since: 100, until: 200, error: failure(), failures: 1 }

  test('is in force from its beginning until right before its end', () => {
    expect([99, 100, 199, 200].map(now => inForce(rest, now))).toEqual([undefined, rest, rest, undefined])
    expect(inForce(undefined, 100)).toBeUndefined()
  })

  test('doubles with each failure in a row, from the first to the longest', () => {
    expect([1, 2, 3, 5, 6, 1_000].map(failures => restMsAfter(failures))).toEqual([
      1_000, 2_000, 4_000, 16_000, 30_000, 30_000,
    ])
    expect([1, 2, 3, 4].map(failures => restMsAfter(failures, 10_000, 60_000))).toEqual([
      10_000, 20_000, 40_000, 60_000,
    ])
  })

  test('grows to any length somebody allows, but never past it', () => {
    expect(restMsAfter(21, 1, Number.POSITIVE_INFINITY)).toBe(2 ** 20)
    expect(restMsAfter(5_000, 1, Number.POSITIVE_INFINITY)).toBe(2 ** 20)
  })

  test('is as long as it was said, else as the server says, else as the failures in a row make it', () => {
    const said = new Health()
    said.rests('a', 0, failure(7_000), 10_000)
    expect(restMs(said)).toBe(10_000)
    const asked = new Health()
    asked.rests('a', 0, failure(7_000))
    expect(restMs(asked)).toBe(7_000)
    const own = new Health()
    own.rests('a', 0, failure())
    expect(restMs(own)).toBe(1_000)
  })

  test('names the error, the credentials and how many failures in a row began it', () => {
    const health = new Health()
    const error = failure()
    health.rests('a', 5, error, 10_000, 'fingerprint')
    expect(health.rest).toEqual({ since: 5, until: 10_005, error, failures: 1, refused: 'fingerprint' })
  })

  test('that ends later takes the place of one in force, and no other does', () => {
    const health = new Health()
    health.rests('a', 0, failure(5_000))
    const { rest } = health
    health.rests('b', 0, failure(5_000))
    health.rests('c', 1_000, failure(3_000))
    expect(health.rest).toBe(rest)
    health.rests('d', 1_000, failure(4_001))
    expect(health.rest).toMatchObject({ since: 1_000, until: 5_001, failures: 1 })
  })

  test('in force outlives a success; one that is over does not', () => {
    const health = new Health()
    health.rests('a', 0, failure())
    health.succeeded('b', 999)
    expect(health.restFor('b', 999)).toBeDefined()
    health.rests('a', 1_000, failure())
    expect(health.rest).toMatchObject({ failures: 2, until: 3_000 })
    health.succeeded('b', 3_000)
    expect(health.rest).toBeUndefined()
    health.rests('a', 3_000, failure())
    expect(health.rest).toMatchObject({ failures: 1, until: 4_000 })
  })
})

describe('places', () => {
  const entered = (health: Health, tries: number) =>
    Array.from({ length: tries }, () => health.enter()).filter(Boolean).length
  const leave = (health: Health, times: number) => {
    for (let time = 0; time < times; time++) health.leave()
  }

  test('are without number until something failed, and one after that', () => {
    const health = new Health()
    expect(entered(health, 100)).toBe(100)
    leave(health, 100)
    health.rests('a', 0, failure())
    expect(health.hasPlace()).toBe(true)
    expect(entered(health, 3)).toBe(1)
    expect(health.hasPlace()).toBe(false)
    health.leave()
    expect(health.hasPlace()).toBe(true)
  })

  test('are twice as many after each success, and without number again past 512', () => {
    const health = new Health()
    health.rests('a', 0, failure(0))
    for (const places of [2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024]) {
      health.succeeded('a', 1_000)
      expect(entered(health, 3_000)).toBe(places)
      leave(health, places)
    }
    health.succeeded('a', 1_000)
    expect(entered(health, 3_000)).toBe(3_000)
  })

  test('are no more while the rest is in force', () => {
    const health = new Health()
    health.rests('a', 0, failure())
    health.succeeded('b', 999)
    expect(entered(health, 3)).toBe(1)
  })

  test('are without number at once when what was wrong has been changed', () => {
    const health = new Health()
    health.rests('a', 0, failure())
    health.forgive()
    expect(health.restFor('a', 0)).toBeUndefined()
    expect(entered(health, 3)).toBe(3)
    health.rests('a', 0, failure())
    expect(health.rest).toMatchObject({ failures: 1 })
  })

  const news: Record<string, (health: Health) => void> = {
    'somebody leaves': health => health.leave(),
    'a rest begins': health => health.rests('a', 0, failure()),
    'what was wrong has been changed': health => health.forgive(),
  }
  for (const [name, happen] of Object.entries(news))
    test(`all who wait are told when ${name}`, async () => {
      const health = new Health()
      const waiting = [health.change(), health.change()]
      expect(health.isIdle(0)).toBe(false)
      happen(health)
      expect(await Promise.all(waiting)).toEqual([undefined, undefined])
    })
})

describe('doubts', () => {
  test('of one caller are no rest, however often; those of a second one are', () => {
    const health = new Health()
    for (let time = 0; time < 3; time++) health.doubted('a', 0, failure())
    expect(health.rest).toBeUndefined()
    health.doubted('b', 0, failure())
    expect(health.rest).toMatchObject({ since: 0, until: 1_000, failures: 1 })
  })

  test('of one caller are enough while the server has not come back', () => {
    const health = new Health()
    health.rests('a', 0, failure())
    health.doubted('a', 1_000, failure())
    expect(health.rest).toMatchObject({ since: 1_000, until: 3_000, failures: 2 })
  })

  test('are over with a success', () => {
    const health = new Health()
    health.doubted('a', 0, failure())
    health.succeeded('c', 0)
    health.doubted('b', 0, failure())
    expect(health.rest).toBeUndefined()
  })

  test('of who failed while another was served count no more, until that one is served too', () => {
    const health = new Health()
    health.doubted('a', 0, failure())
    health.succeeded('b', 0)
    expect(['a', 'b'].map(who => health.isAlone(who))).toEqual([true, false])
    health.doubted('a', 0, failure())
    health.doubted('c', 0, failure())
    expect(health.rest).toBeUndefined()
    health.succeeded('a', 0)
    expect(health.isAlone('a')).toBe(false)
    health.doubted('a', 0, failure())
    health.doubted('d', 0, failure())
    expect(health.rest).toBeDefined()
  })

  test('of who is served at last are not their own fault', () => {
    const health = new Health()
    health.doubted('a', 0, failure())
    health.succeeded('a', 0)
    expect(health.isAlone('a')).toBe(false)
  })

  test('of five at once are nobody’s alone; of four they are', () => {
    const failing = (count: number) => {
      const health = new Health()
      health.rests('1', 0, failure(0))
      for (let who = 2; who <= count; who++) health.doubted(String(who), 0, failure(0))
      health.succeeded('other', 1)
      return health.isAlone('1')
    }
    expect([4, 5].map(failing)).toEqual([true, false])
  })

  test('nobody is alone while the server is down', () => {
    const health = new Health()
    health.doubted('a', 0, failure())
    health.succeeded('b', 0)
    health.rests('b', 0, failure())
    expect(health.isAlone('a')).toBe(false)
  })

  test('of more than a thousand loners are forgotten, so that they stay few', () => {
    const health = new Health()
    const alone = (who: string) => {
      health.doubted(who, 0, failure())
      health.succeeded('served', 0)
    }
    for (let who = 0; who < 1_000; who++) alone(`loner ${who}`)
    expect(health.isAlone('loner 0')).toBe(true)
    alone('one more')
    expect(health.isAlone('loner 0')).toBe(false)
  })
})

describe('precedence, when a rest is over', () => {
  /** A rest of a second, during which somebody else was refused. */
  const resting = (failedTwice: boolean, othersWait = true) => {
    const health = new Health()
    health.rests('a', 0, failure())
    if (failedTwice) health.rests('a', 0, failure())
    if (othersWait) health.restFor('b', 999)
    return health
  }

  test('is theirs who have not failed, for as long as the rest was, over who has failed again', () => {
    const health = resting(true)
    expect(health.restFor('b', 1_000)).toBeUndefined()
    expect(health.restFor('a', 1_999)).toBeDefined()
    expect(health.restFor('a', 2_000)).toBeUndefined()
  })

  test('is nobody’s over who has failed once, where it was surely the server', () => {
    expect(resting(false).restFor('a', 1_000)).toBeUndefined()
  })

  test('is nobody’s while nobody else waits', () => {
    const health = resting(true, false)
    expect(health.restFor('a', 1_000)).toBeUndefined()
    health.restFor('b', 1_000)
    expect(health.restFor('a', 1_001)).toBeUndefined()
  })

  test('is theirs over who has failed once, where it may be that one’s own failure', () => {
    const health = new Health()
    health.doubted('a', 0, failure())
    health.doubted('c', 0, failure())
    health.restFor('b', 0)
    expect(health.restFor('a', 1_000)).toBeDefined()
    expect(health.restFor('b', 1_000)).toBeUndefined()
  })

  test('lasts ten seconds at most', () => {
    const health = new Health()
    for (let time = 0; time < 2; time++) health.rests('a', 0, failure(60_000))
    health.restFor('b', 0)
    expect(health.restFor('a', 69_999)).toBeDefined()
    expect(health.restFor('a', 70_000)).toBeUndefined()
  })

  test('is as long as the rest was, whenever that began', () => {
    const health = new Health()
    for (let time = 0; time < 2; time++) health.rests('a', 500_000, failure())
    health.restFor('b', 500_000)
    expect(health.restFor('a', 501_999)).toBeDefined()
    expect(health.restFor('a', 502_000)).toBeUndefined()
  })

  test('needs two failures again in the next rest, though one was enough in the one before', () => {
    const health = new Health()
    for (const who of ['a', 'c']) health.doubted(who, 0, failure())
    health.rests('d', 1_000, failure())
    health.restFor('b', 1_000)
    expect(health.restFor('d', 3_000)).toBeUndefined()
  })

  test('is over when what was wrong has been changed', () => {
    const health = resting(true)
    health.forgive()
    expect(health.restFor('a', 1_000)).toBeUndefined()
  })

  test('is looked for anew with each rest', () => {
    const health = resting(true)
    health.rests('a', 2_000, failure())
    expect(health.restFor('a', 4_000)).toBeUndefined()
  })

  test('counts from the rest that begins, not from those that asked after it', () => {
    const health = resting(true)
    health.restFor('b', 1_500)
    expect(health.restFor('a', 2_000)).toBeUndefined()
  })
})

describe('what is known of a server', () => {
  test('is worth nothing thirty seconds after its rest, while nobody asks or waits', () => {
    const health = new Health()
    expect(health.isIdle(0)).toBe(true)
    health.rests('a', 0, failure())
    expect(health.isIdle(31_000)).toBe(false)
    expect(health.isIdle(31_001)).toBe(true)
    health.enter()
    expect(health.isIdle(31_001)).toBe(false)
    health.leave()
    expect(health.isIdle(31_001)).toBe(true)
    void health.change()
    expect(health.isIdle(31_001)).toBe(false)
    health.forgive()
    expect(health.isIdle(31_001)).toBe(true)
  })
})
