import { type FaultName, faultOf } from "../../schemas/Fault.ts"

/** One line of `ens doctor`: what was looked at and what came of it. Holds no secret. */
export interface Finding {
  /** What was looked at: `storage`, `EWS log-in` … */
  readonly check: string
  readonly verdict: "ok" | "failed" | "skipped"
  /** What was found; with `skipped`, why nothing could be. */
  readonly says: string
  /** The cause by the catalogue's name, if it is one of those. */
  readonly fault?: FaultName
  /** What to do, without a full stop. */
  readonly cure?: string
}

/** Passes a finding on at once. */
export type Tell = (finding: Finding) => void

export const ok = (check: string, says: string): Finding => ({ check, verdict: "ok", says: flat(says) })

export const skipped = (check: string, says: string): Finding => ({
  check,
  verdict: "skipped",
  says: flat(says)
})

/** Something is wrong that the catalogue has no name for. */
export const failed = (check: string, says: string, cure?: string): Finding => ({
  check,
  verdict: "failed",
  says: flat(says),
  ...(cure === undefined ? {} : { cure })
})

/** Something is wrong that has a name: the line begins with its title, and ends with its cure unless there is a better one. */
export const faulty = (
  check: string,
  fault: FaultName,
  detail: string,
  cure: string = faultOf(fault).cure
): Finding => ({ check, verdict: "failed", says: flat(`${faultOf(fault).title}: ${detail}`), fault, cure })

/** The same for what gateways say of themselves: their advice for this very case follows on what they got, in parentheses. */
export const faultyGateway = (check: string, fault: FaultName, says: string, where = ""): Finding => {
  const [, detail, cure] = /^(.*?\)): (.*)$/s.exec(says) ?? []
  return faulty(check, fault, where + (detail ?? says), cure)
}

/** The finding as people read it, on one line. */
export const lineOf = ({ check, cure, fault, says, verdict }: Finding): string => {
  const cause = fault === undefined ? "" : ` (${fault})`
  return `${SIGNS[verdict]} ${check}: ${says}${cause}${cure === undefined ? "" : `; ${cure}`}`
}

const SIGNS = { ok: "✔", failed: "✖", skipped: "–" } as const

/** What servers say may have line breaks, or worse. */
const flat = (text: string): string => text.replace(/[\s\p{Cc}]+/gu, " ").trim()
