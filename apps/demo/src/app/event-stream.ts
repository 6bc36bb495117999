/** Server-sent events to every page that is open. */
import type { RequestHandler } from 'express'

/** One event: its name, and what JSON makes of its data. */
export interface StreamEvent {
  readonly name: string
  readonly data: unknown
}

export interface EventStream {
  readonly handler: RequestHandler
  send(event: StreamEvent): void
  close(): void
}

/** @param beginning what a page is told when it connects */
export function createEventStream(beginning: () => readonly StreamEvent[]): EventStream {
  const pages = new Set<{ write(text: string): unknown; end(): unknown }>()
  return {
    handler(_request, response) {
      response.set('Content-Type', 'text/event-stream')
      response.write(beginning().map(written).join(''))
      pages.add(response)
      response.on('close', () => pages.delete(response))
    },
    send(event) {
      for (const page of pages) page.write(written(event))
    },
    close() {
      for (const page of pages) page.end()
    },
  }
}

function written({ name, data }: StreamEvent): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
}
