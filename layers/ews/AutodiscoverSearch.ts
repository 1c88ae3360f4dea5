import { Effect } from "effect"
import type { EwsUnauthorized } from "../../schemas/EwsError.ts"
import { type Candidate, candidatesFor, identityOf } from "./AutodiscoverCandidates.ts"
import { type FoundPlace, hostOf, isOver, note, type SearchTask } from "./AutodiscoverTask.ts"
import { visit } from "./AutodiscoverVisit.ts"

/**
 * Asks one candidate after the other, the redirects of each before the next one, until one knows the mailbox. A candidate
 * that was asked before is not asked again, and at most 10 redirects of all kinds are followed, so this ends. undefined:
 * nothing was found; the report says why. Fails only when the caller's log-in budget is spent.
 */
export const search = (task: SearchTask): Effect.Effect<FoundPlace | undefined, EwsUnauthorized> =>
  Effect.gen(function* () {
    const waiting: Array<Candidate> = [...candidatesFor(task.address, task.configured)]
    const last: Array<Candidate> = []
    const seen = new Set<string>()
    let hops = 0
    for (;;) {
      const candidate = waiting.shift() ?? last.shift()
      if (candidate === undefined || (yield* isOver(task))) return undefined
      const identity = identityOf(candidate)
      if (seen.has(identity)) {
        yield* note(task, hostOf(candidate), candidate._tag, "was asked before")
        continue
      }
      seen.add(identity)
      const visited = yield* visit(task, candidate)
      if (visited.found !== undefined) return visited.found
      last.push(...visited.last)
      if (visited.next.length === 0) continue
      if (++hops > HOPS_MAX) yield* note(task, hostOf(candidate), candidate._tag, "one redirect too many")
      else waiting.unshift(...visited.next)
    }
  })

const HOPS_MAX = 10
