import {
  type Attempt,
  type Facts,
  type Interruption,
  type Mail,
  meets,
  type Push,
  pairOf,
  type Span
} from "./Facts.ts"

/** A mail that a device was told of more than once. */
export interface Duplicate {
  readonly mail: Mail
  readonly token: string
  /** How often beyond the first time. */
  readonly extra: number
  /** One does not replace another on the phone, though both are of this mail alone. */
  readonly differs: boolean
  /** It was told alone, and is also in a summary that stands beside that on the phone. */
  readonly summed: boolean
  /** The interruption at which the first was under way or not yet recorded; undefined: there is none. */
  readonly excuse: Interruption | undefined
}

/**
 * A duplicate has to have an excuse, and to replace the first on the phone. A summary replaces one mail, its oldest: of
 * others that were told alone just before an interruption nobody knows any more. What stays beside one is counted.
 */
export const isBroken = ({ differs, excuse }: Duplicate): boolean => excuse === undefined || differs

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
    const alone = told.filter(({ kind }) => kind !== "summary")
    const differs = new Set(alone.map(({ collapseId }) => collapseId)).size > 1
    const summed = alone.length < told.length && new Set(told.map(({ collapseId }) => collapseId)).size > 1
    return [{ mail, token, extra: told.length - 1, differs, summed, excuse: excuseFor(facts, mail, told) }]
  })
}

/**
 * How many more notifications than mails there may be: what was under way or acknowledged but not yet written at an
 * interruption, by what that was.
 */
export const allowedDuplicates = (facts: Facts): ReadonlyMap<string, number> => {
  const mails = new Map(facts.mails.map((mail) => [mail.id, mail]))
  const seen = new Set<string>()
  const allowed = new Map<string, number>()
  for (const push of facts.pushes)
    for (const itemId of push.itemIds) {
      const mail = mails.get(itemId)
      const pair = pairOf(push.token, itemId)
      if (mail === undefined || seen.has(pair)) continue
      seen.add(pair)
      const what = excuseFor(facts, mail, [push])?.what
      if (what !== undefined) allowed.set(what, (allowed.get(what) ?? 0) + 1)
    }
  return allowed
}

const excuseFor = (facts: Facts, mail: Mail, told: ReadonlyArray<Push>): Interruption | undefined => {
  const answered = facts.attempts.get(mail.id)?.find(({ outcome }) => outcome === "OK")
  const acknowledged = answered?.until
  const spans = told.map(({ at }): Span => {
    const known = Math.max(at, acknowledged ?? Number.POSITIVE_INFINITY)
    // One that went into the outbox was acknowledged long before it was told.
    return { from: at - UNANSWERED, to: known + FLUSH }
  })
  const met = facts.interruptions.filter((interruption) => spans.some((span) => meets(span, interruption)))
  return met.find(({ forgotten }) => forgotten) ?? met[0] ?? (answered && lateFor(facts, answered, told))
}

/** So near to a callback's deadline (ms) the gateway's answer and the way to the outbox cross. */
const NEAR = 1000

/** What a gateway has in hand when the callback has to be answered goes into the outbox, and perhaps out once more. */
const lateFor = (
  { deadline }: Facts,
  { at, until }: Attempt,
  told: ReadonlyArray<Push>
): Interruption | undefined =>
  until - at >= deadline - UNANSWERED && told.some((push) => Math.abs(push.at - until) <= NEAR)
    ? { what: "a callback's deadline passed while a gateway had it", from: until, to: until }
    : undefined
