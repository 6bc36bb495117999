import { expectedAnswers, loginAnswers } from './login'

test('an exception filter answers what is wrong with a login, and nothing else', async () => {
  expect(await loginAnswers(Object.keys(expectedAnswers))).toEqual(Object.values(expectedAnswers))
})
