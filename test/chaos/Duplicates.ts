import { type Facts, type Mail, meets, type Push, pairOf, type Span } from "./Facts.ts"

/** A mail that a device was told of more than once. */
export interface Duplicate {
  readonly mail: Mail
  readonly token: string
  /** How often beyond the first time. */
  readonly extra: number
  /** The second one does not replace the first on the phone. */
  readonly differs: boolean
  /** The interruption at which the first was under way or not yet recorded; undefined: there is none. */
  readonly excuse: string | undefined
}

/** What is acknowledged is on disk so many milliseconds later at the latest: the write-behind's second, and one for a busy machine. */
export const FLUSH = 2000

/** What the gateway has taken, the service learns so many milliseconds later. */
const UNANSWERED = 100

export const duplicatesOf = (facts: Facts): ReadonlyArray<Duplicate> => {
  const pushes = new Map<string, Array<Push>>()
  for (const push of facts.pushes)
    for (const itemId of push.itemIds) {
      const pair = pairOf(push.token, itemId)
      pushes.set(pair, [...(pushes.get(pair) ?? []), push])
    }
  const mails = new Map(facts.mails.map((mail) => [mail.id, mail]))
  return [...pushes].flatMap(([pair, told]) => {
    const [token = "", itemId = ""] = pair.split(" ")
    const mail = mails.get(itemId)
    if (told.length < 2 || mail === undefined) return []
    const differs = new Set(told.map(({ collapseId }) => collapseId)).size > 1
    return [{ mail, token, extra: told.length - 1, differs, excuse: excuseFor(facts, mail, told) }]
  })
}

/** How many more notifications than mails there may be: what was under way or not yet recorded at an interruption. */
export const allowedDuplicates = (facts: Facts): number => {
  const first = new Map<string, Push>()
  for (const push of facts.pushes)
    for (const itemId of push.itemIds) {
      const pair = pairOf(push.token, itemId)
      if (!first.has(pair)) first.set(pair, push)
    }
  const mails = new Map(facts.mails.map((mail) => [mail.id, mail]))
  let allowed = 0
  for (const [pair, push] of first) {
    const mail = mails.get(pair.split(" ")[1] ?? "")
    if (mail !== undefined && excuseFor(facts, mail, [push]) !== undefined) allowed += 1
  }
  return allowed
}

const excuseFor = (facts: Facts, mail: Mail, told: ReadonlyArray<Push>): string | undefined => {
  const acknowledged = facts.attempts.get(mail.id)?.find(({ outcome }) => outcome === "OK")?.until
  const spans = told.map(({ at }): Span => {
    const known = Math.max(at, acknowledged ?? Number.POSITIVE_INFINITY)
    // One that went into the outbox was acknowledged long before it was told.
    return { from: at - UNANSWERED, to: known + FLUSH }
  })
  return facts.interruptions.find((interruption) => spans.some((span) => meets(span, interruption)))?.what
}
