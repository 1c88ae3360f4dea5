import { type Clock, Exit } from "effect"
import type { FaultName } from "../../schemas/Fault.ts"
import { LOOK_EVERY, skewTold } from "../net/ClockSkew.ts"
import type { CallWatch, Watching } from "./CallWatch.ts"
import type { HttpAnswer } from "./SoapAnswer.ts"

/** Hosts that are remembered. */
export const HOSTS_MAX = 1_000

/**
 * Notices for each host when its clock and ours differ, and when it answers again after it could not be reached: an answer
 * says that address, TLS, certificate and pins are in order. What failed is reported by whoever needed the call.
 */
export const makeFaultWatch = (clock: Clock.Clock): CallWatch => {
  const hosts = new Map<string, Host>()
  const hostAt = (name: string): Host => {
    const known = hosts.get(name)
    if (known !== undefined) return known
    const [oldest] = hosts.keys()
    if (hosts.size >= HOSTS_MAX && oldest !== undefined) hosts.delete(oldest)
    const made: Host = { lookedAt: Number.NEGATIVE_INFINITY, isAway: false, isSkewed: false }
    hosts.set(name, made)
    return made
  }
  return {
    admit: ({ url: { host: where } }): Watching => {
      const host = hostAt(where)
      return (outcome, now, tell) => {
        if (Exit.isFailure(outcome)) {
          host.isAway = true
          return outcome
        }
        if (host.isAway) {
          host.isAway = false
          for (const fault of UNANSWERED) tell({ level: "settled", text: "", fault, where })
        }
        if (now - host.lookedAt < LOOK_EVERY) return outcome
        host.lookedAt = now
        const skew = skewTold(dateOf(outcome.value), clock.unsafeCurrentTimeMillis())
        if (skew !== undefined) tell({ level: "report", text: skew, fault: "clock-skew", where })
        else if (host.isSkewed) tell({ level: "settled", text: "", fault: "clock-skew", where })
        host.isSkewed = skew !== undefined
        return outcome
      }
    }
  }
}

interface Host {
  lookedAt: number
  /** The last call had no answer, or one that is an error; so something may have been reported. */
  isAway: boolean
  isSkewed: boolean
}

/** What an answer rules out. */
const UNANSWERED: ReadonlyArray<FaultName> = [
  "exchange-unreachable",
  "certificate-not-trusted",
  "pin-mismatch"
]

const dateOf = ({ headers }: HttpAnswer): string | undefined => [headers["date"] ?? []].flat()[0]
