import { type Device, type Facts, type Mail, meets, type Push, pairOf } from "./Facts.ts"

/** What became of a mail for a device. */
export type Fate = "notified" | "without details" | "in a summary" | "in the outbox" | "lost"

/** Why a mail is lost. */
export type Reason =
  /** Nothing can be done about these two: nobody else has the user's log-in. Reported, never hidden. */
  | "the subscription died while ENS was down, and the phone is dead"
  | "Exchange forgot the subscription, and the phone is dead"
  /** What an operator loses who restores a backup. */
  | "it waited in the outbox of a database that was replaced by a backup"
  | "ENS acknowledged it and lost it"
  | "the subscription died while ENS was down, and the phone has not brought the mail back"
  | "Exchange forgot the subscription, and the phone has not brought the mail back"
  | "the subscription died though ENS was up"
  | "ENS ended the subscription"
  | "Exchange has not delivered it yet"

/** Reasons that do not break the promise. */
export const EXCUSES: ReadonlySet<Reason> = new Set<Reason>([
  "the subscription died while ENS was down, and the phone is dead",
  "Exchange forgot the subscription, and the phone is dead",
  "it waited in the outbox of a database that was replaced by a backup"
])

export interface Outcome {
  readonly mail: Mail
  readonly device: Device
  readonly fate: Fate
  readonly reason?: Reason
}

/** One outcome for each mail and each device of its user. */
export const outcomesOf = (facts: Facts): ReadonlyArray<Outcome> => {
  const devices = Map.groupBy(facts.devices, ({ address }) => address)
  const named = namedBy(facts.pushes)
  const unnamed = unnamedBy(facts.pushes)
  return facts.mails.flatMap((mail) => {
    const phones = devices.get(mail.address) ?? []
    const obeyed = phones.some(({ obeys }) => obeys)
    return phones.map((device): Outcome => {
      const pair = pairOf(device.token, mail.id)
      const fate =
        named.get(pair) ?? (facts.outbox.has(pair) ? "in the outbox" : takeUnnamed(unnamed, mail, device))
      return fate === undefined
        ? { mail, device, fate: "lost", reason: reasonOf(facts, mail, pair, obeyed) }
        : { mail, device, fate }
    })
  })
}

/** Best news first: a mail may be told of without details and again with them. */
const RANK: ReadonlyArray<Fate> = ["notified", "without details", "in a summary"]
const FATES = { details: "notified", bare: "without details", summary: "in a summary" } as const

const namedBy = (pushes: ReadonlyArray<Push>): ReadonlyMap<string, Fate> => {
  const named = new Map<string, Fate>()
  for (const { itemIds, kind, token } of pushes)
    for (const itemId of itemIds) {
      const pair = pairOf(token, itemId)
      const known = named.get(pair)
      if (known === undefined || RANK.indexOf(FATES[kind]) < RANK.indexOf(known)) named.set(pair, FATES[kind])
    }
  return named
}

interface Unnamed {
  readonly at: number
  left: number
}

/** Summaries that stand for more mails than they name. */
const unnamedBy = (pushes: ReadonlyArray<Push>): ReadonlyMap<string, ReadonlyArray<Unnamed>> =>
  new Map(
    [...Map.groupBy(pushes, ({ token }) => token)].map(([token, own]) => [
      token,
      own
        .filter(({ count, itemIds }) => count > itemIds.length)
        .map(({ at, count, itemIds }) => ({ at, left: count - itemIds.length }))
    ])
  )

const takeUnnamed = (
  unnamed: ReadonlyMap<string, ReadonlyArray<Unnamed>>,
  mail: Mail,
  { token }: Device
): Fate | undefined => {
  const summary = unnamed.get(token)?.find(({ at, left }) => left > 0 && at >= mail.at)
  if (summary === undefined) return undefined
  summary.left -= 1
  return "in a summary"
}

const reasonOf = (facts: Facts, mail: Mail, pair: string, obeyed: boolean): Reason => {
  if (facts.replaced.has(pair)) return "it waited in the outbox of a database that was replaced by a backup"
  const attempts = facts.attempts.get(mail.id) ?? []
  if (attempts.some(({ outcome }) => outcome === "OK")) return "ENS acknowledged it and lost it"
  const endings = facts.endings.get(mail.address) ?? []
  const died = endings.filter(({ state }) => state !== "Unsubscribed")
  const ending = died.findLast(({ at }) => at <= mail.at) ?? died.find(({ at }) => at > mail.at)
  if (ending === undefined)
    return endings.length > 0 ? "ENS ended the subscription" : "Exchange has not delivered it yet"
  if (ending.state === "Forgotten")
    return obeyed
      ? "Exchange forgot the subscription, and the phone has not brought the mail back"
      : "Exchange forgot the subscription, and the phone is dead"
  const isOurs = ending.failures.some(
    ({ at, until }) => !facts.down.some((down) => meets(down, { from: at, to: until }))
  )
  if (isOurs || ending.state !== "Dropped") return "the subscription died though ENS was up"
  return obeyed
    ? "the subscription died while ENS was down, and the phone has not brought the mail back"
    : "the subscription died while ENS was down, and the phone is dead"
}
