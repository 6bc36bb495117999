/** What a page of the demo is told when it connects, as server-sent events. */

/** All of it: where its program began, the cards, the log and the steps. */
export async function eventsOf(appUrl: string): Promise<string> {
  const { body } = await fetch(new URL('/events', appUrl))
  const reader = (body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (text.split('\n\n').length < 5) text += (await reader.read()).value
  await reader.cancel()
  return text
}

/** What one of them holds. */
export async function eventOf<Data>(appUrl: string, name: string): Promise<Data> {
  const event = (await eventsOf(appUrl)).split('\n\n').find(one => one.startsWith(`event: ${name}\n`)) ?? ''
  return JSON.parse(event.slice(event.indexOf('data: ') + 6))
}
