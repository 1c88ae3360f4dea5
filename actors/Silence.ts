import { startRemoval } from "./Departure.ts"
import { nudgeAfter } from "./NudgeSchedule.ts"
import { renew } from "./Renewal.ts"
import { endRest } from "./Rounds.ts"
import { askingFor, canAsk, isListening } from "./SubscriptionState.ts"
import { EXPIRY_NOTICE, lostAt, overdueAt, UNREGISTERED_FOR } from "./SubscriptionTimes.ts"
import type { Turn } from "./Turn.ts"

/** The clock says that something may be due; everything is looked at, because the timer itself says nothing. */
export const onDue = (turn: Turn): void => {
  endRest(turn)
  if (turn.state.renewal !== undefined && turn.state.desk._tag === "Free") renew(turn)
  noticeSilence(turn)
  noticeExpiry(turn)
  nudge(turn)
  leaveUnregistered(turn)
}

/** Nothing tells the actor that its user was forgotten, so it asks, from time to time. */
const leaveUnregistered = (turn: Turn): void => {
  const { link, linkSince } = turn.state
  if (link !== "None" || turn.now < linkSince + UNREGISTERED_FOR) return
  turn.set({ linkSince: turn.now })
  startRemoval(turn)
}

const noticeSilence = (turn: Turn): void => {
  if (!isListening(turn.state.link) || turn.now < overdueAt(turn.state, turn.env)) return
  const { link } = turn.state
  turn.link("Overdue")
  turn.log(link === "Unconfirmed" ? "never called back" : "silent for too long")
}

const noticeExpiry = (turn: Turn): void => {
  const { tokenExpiresAt, tokenNoticed, link } = turn.state
  if (tokenExpiresAt === 0 || !canAsk(turn.state) || link === "Lost" || link === "None") return
  if (turn.now >= tokenExpiresAt) {
    turn.link("CredentialsExpired")
    turn.log("credentials expired")
  } else if (!tokenNoticed && turn.now >= tokenExpiresAt - EXPIRY_NOTICE) {
    turn.set({ tokenNoticed: true })
    turn.do({ _tag: "Nudge", reason: "credentials", since: turn.now })
  }
}

/** Asks the devices to register, and gives up in the end. Nudges that were missed (ENS was down) are asked once. */
const nudge = (turn: Turn): void => {
  const { link, linkSince } = turn.state
  const reason = askingFor(link)
  if (reason === undefined) return
  if (turn.now >= lostAt(turn.state)) {
    turn.link("Lost")
    turn.do({ _tag: "RetireKeys" })
    return turn.log("given up")
  }
  let nudges = turn.state.nudges
  let since = linkSince
  for (;;) {
    const after = nudgeAfter(nudges)
    if (after === undefined || linkSince + after > turn.now) break
    since = linkSince + after
    nudges += 1
  }
  if (nudges === turn.state.nudges) return
  turn.set({ nudges })
  turn.do({ _tag: "Nudge", reason, since })
  turn.do({ _tag: "NoteLink" })
}
