/** Tells listeners of changes, as long as there are any: hints, from a subscription that is opened again when it fails. */
import { type ChangeListener, type ChangeListeners, changeListeners } from '@grantkit/core/kit'
import type { Connection } from './connection.js'

/** How long after a subscription was not to be had it is tried again. */
const againAfterMs = 5_000

export function changes(connection: Connection, channel: string): ChangeListeners {
  return changeListeners(tell => subscribed(connection, channel, tell))
}

/** Subscribes until it is shut. */
function subscribed(connection: Connection, channel: string, tell: ChangeListener): () => void {
  let shut = false
  let again: NodeJS.Timeout | undefined
  let close = () => {}
  const open = () => {
    const subscription = connection.subscribe(channel, message => {
      const [key = '', version] = message.split(' ', 2)
      if (!shut) tell(key, version)
    })
    subscription.subscribed.catch(() => {
      subscription.close()
      if (!shut) again = setTimeout(open, againAfterMs).unref()
    })
    close = subscription.close
  }
  open()
  return () => {
    shut = true
    clearTimeout(again)
    close()
  }
}
