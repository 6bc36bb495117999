/** The bank's customers and their accounts: who may log in on its pages, and what a consent can be about. */

/** An account, as UK Open Banking 3.1 names its members. */
export interface Account {
  /** Names it in consents and in the API. */
  readonly AccountId: string
  /** Always usable. */
  readonly Status: 'Enabled'
  /** ISO 4217. */
  readonly Currency: string
  /** `Personal`. */
  readonly AccountType: string
  /** `CurrentAccount` or `Savings`. */
  readonly AccountSubType: string
  /** What its holder calls it. */
  readonly Nickname: string
}

/** A customer of the bank. */
export interface AccountHolder {
  /** What is typed into the login page. */
  readonly username: string
  /** Beside it. */
  readonly password: string
  /** `sub` of the tokens: what the bank calls the customer towards others. */
  readonly subject: string
  /** What a consent can be about. */
  readonly accounts: readonly Account[]
}

const account = (AccountId: string, AccountSubType: string, Nickname: string): Account => ({
  AccountId,
  Status: 'Enabled',
  Currency: 'GBP',
  AccountType: 'Personal',
  AccountSubType,
  Nickname,
})

/** Two customers: `alice` with two accounts, `bob` with one. */
export const accountHolders: readonly AccountHolder[] = [
  {
    username: 'alice',
    password: 'alice-password',
    subject: '5f0c3c1e-user-4c1e-8c2e-1f2d3c4b5a69@carbon.super',
    accounts: [
      account('30080012343456', 'CurrentAccount', 'Everyday'),
      account('30080098763459', 'Savings', 'Rainy days'),
    ],
  },
  {
    username: 'bob',
    password: 'bob-password',
    subject: '8a4b7f20-user-4f6d-9a0b-7c8d9e0f1a2b@carbon.super',
    accounts: [account('30080055512345', 'CurrentAccount', 'Joint')],
  },
]

/** By `sub`; a subject that a test has made up holds no account of its own. */
export function findAccountHolder(subject: string | undefined): AccountHolder | undefined {
  return accountHolders.find(holder => holder.subject === subject)
}
