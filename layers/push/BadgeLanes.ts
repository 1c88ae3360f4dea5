import type { PushNotification } from "../../schemas/Push.ts"

/**
 * Keeps the numbers on the icons in order. Two requests under way at once may arrive in either order, so two different
 * numbers are never under way to one device: the later one waits until the earlier one is answered. The number that came
 * last is the true one. An older one that still waits is not sent any more: of a badge alone nothing is left, a mail goes
 * out without it, and waits for nobody.
 *
 * Plain state, one for each gateway. A lane exists as long as somebody sends to the device.
 */
export class BadgeLanes {
  readonly #lanes = new Map<string, Lane>()

  /** Somebody sends this; undefined if it shows no number. Every `join` needs a `leave`. */
  join({ kind, payload, target }: PushNotification): BadgeTicket | undefined {
    const number = badgeOf(payload)
    if (number === undefined) return undefined
    // Two users of one phone have a number each.
    const key = `${target.user ?? ""} ${target.token}`
    const lane = this.#lanes.get(key) ?? {
      key,
      latest: number,
      members: 0,
      underWay: 0,
      number,
      held: new Set()
    }
    this.#lanes.set(key, lane)
    lane.latest = number
    lane.members++
    return { lane, number, alone: kind === "badge", departed: false }
  }

  leave({ lane }: BadgeTicket): void {
    lane.members--
    this.#forget(lane)
  }

  /** What is to become of it now; `Wait`: `hold` it. */
  standing({ alone, lane, number }: BadgeTicket): BadgeStanding {
    if (number !== lane.latest) return alone ? "Superseded" : "Bare"
    return lane.underWay > 0 && lane.number !== number ? "Wait" : "Go"
  }

  /** Calls `again` when it may be looked at again, unless the returned function was called before. */
  hold({ lane }: BadgeTicket, again: () => void): () => void {
    lane.held.add(again)
    return () => lane.held.delete(again)
  }

  /** It is under way with its number, until `landed`. */
  depart(ticket: BadgeTicket): void {
    ticket.departed = true
    ticket.lane.underWay++
    ticket.lane.number = ticket.number
  }

  /** It was answered, whether anybody still waits for it or not; nothing happens if it did not depart. */
  landed(ticket: BadgeTicket): void {
    if (!ticket.departed) return
    ticket.departed = false
    const { lane } = ticket
    lane.underWay--
    if (lane.underWay === 0) {
      const held = [...lane.held]
      lane.held.clear()
      for (const again of held) again()
    }
    this.#forget(lane)
  }

  /** How many devices have a lane. */
  get size(): number {
    return this.#lanes.size
  }

  #forget(lane: Lane): void {
    const isLeft = lane.members === 0 && lane.underWay === 0
    if (isLeft && this.#lanes.get(lane.key) === lane) this.#lanes.delete(lane.key)
  }
}

/** `Bare`: it may go at once, without its number. */
export type BadgeStanding = "Go" | "Wait" | "Bare" | "Superseded"

export interface BadgeTicket {
  readonly lane: Lane
  readonly number: number
  /** It is nothing but the number. */
  readonly alone: boolean
  departed: boolean
}

interface Lane {
  readonly key: string
  /** The number that was handed in last. */
  latest: number
  /** Senders that have not left. */
  members: number
  /** How many are under way, all with this number. */
  underWay: number
  number: number
  readonly held: Set<() => void>
}

/** The notification without its number: the phone keeps the one that it shows. */
export const withoutBadge = (notification: PushNotification): PushNotification => {
  const { badge: _, ...aps } = notification.payload.aps as Record<string, unknown>
  return { ...notification, payload: { ...notification.payload, aps } }
}

const badgeOf = ({ aps }: PushNotification["payload"]): number | undefined => {
  const badge = typeof aps === "object" && aps !== null && "badge" in aps ? aps.badge : undefined
  return typeof badge === "number" ? badge : undefined
}
