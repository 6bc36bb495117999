/** The recording server of `@grantkit/testing`, closed when its test ends, and what it answers. */
import { answers, type Handler, type RecordingServer, recordingServer as startServer } from '@grantkit/testing'
import { onTestFinished } from 'vitest'

export type { Handler, Received, RecordingServer } from '@grantkit/testing'
export const { accepting, inTurn, invalidToken, json, ok, redirect } = answers

/** A server on loopback that keeps every byte it receives. */
export async function recordingServer(handler: Handler = ok): Promise<RecordingServer> {
  const server = await startServer(handler)
  onTestFinished(() => server.close())
  return server
}
