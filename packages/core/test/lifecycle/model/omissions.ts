/** Every step of the protocol left out or weakened: what each is there for. */
export const omissions = {
  lease: 'everybody believes to have the lease',
  re_read: 'what was read before the lease was granted is not read again',
  still_leased: 'who was granted the lease, and has lost it since, still decides as if it had it',
  check_lease: 'nobody looks at the lease again between being granted it and the mark',
  outlasts: 'the request is sent without a glance at the lease',
  outlasts_deadline: 'the request is sent while the lease holds, for however short a time',
  lapse: 'a lease that ran out on the way is taken again, as if it had been held all along',
  mark: 'the request is sent without a mark',
  mark_cas: 'the mark is written over whatever is there',
  save_cas: 'the answer is written over whatever is there',
  save_first: 'the answer is handed out before it is saved',
  late_save: 'an answer is dropped when the lease is gone',
  rescue: 'a new refresh token is thrown away with an answer that is refused',
  mark_identity: 'every other version is a later word, even one that only lacks a rejected access token',
  end_re_read: 'invalid_grant ends whatever session the store has',
  count: 'sends are not counted',
  unknown: 'an unknown outcome counts as nothing done',
  nothing_done: '503 counts as an unknown outcome',
  unsent: 'what never left counts as sent',
  rest: 'the cool-down is ignored',
  wait: 'who waits for the lease takes a mark for an outcome',
} as const

export type Omission = keyof typeof omissions
