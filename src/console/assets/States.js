/**
 * What the states of a subscription mean, in the order in which they are shown.
 * @type {ReadonlyArray<readonly [name: string, words: string, tone: "ok" | "warn" | "bad" | "quiet", about: string]>}
 */
export const STATES = [
  ["Active", "Active", "ok", "Exchange calls back"],
  ["Unconfirmed", "Unconfirmed", "quiet", "subscribed, no call yet"],
  ["Subscribing", "Subscribing", "quiet", "under way at Exchange"],
  ["Overdue", "Overdue", "warn", "Exchange has gone silent"],
  ["Lost", "Lost", "bad", "given up; the app has to register"],
  ["CredentialsExpired", "Log-in expired", "warn", "the app has to bring a new one"],
  ["CredentialsRejected", "Log-in refused", "bad", "Exchange refuses it"],
  ["Blocked", "Blocked", "bad", "the Secure Email Gateway says no"],
  ["Parked", "Parked", "bad", "its actor kept failing"],
  ["None", "None", "quiet", "known, never subscribed"]
]

/** @param {string} name of a state, perhaps one of a later version */
export const stateOf = (name) => STATES.find(([known]) => known === name) ?? [name, name, "quiet", ""]
