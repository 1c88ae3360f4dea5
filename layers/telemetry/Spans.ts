import { Context } from "effect"

/** One piece of work that was done. Times: milliseconds since 1970. */
export interface DoneSpan {
  readonly name: string
  readonly kind: "server" | "client" | "internal"
  /** Of the activity that it belongs to; undefined = it is one of its own. */
  readonly activityId: string | undefined
  /** It is what the activity consists of; the others stand below it. */
  readonly isRoot?: boolean
  /** Id of the caller's span, if he named it (W3C `traceparent`). */
  readonly caller?: string | undefined
  readonly began: number
  readonly ended: number
  /** What went wrong, in a word of ours; undefined = nothing. */
  readonly failure?: string | undefined
  /** Never addresses, tokens, subjects or ids of items. */
  readonly attributes: Readonly<Record<string, string | number>>
}

/**
 * Where work is told for traces. An activity's id, without its dashes, is its trace's: whoever finds one in a log, ours or
 * Exchange's, finds the trace, and nothing has to be handed from fiber to fiber. `record` is undefined, and nothing is
 * measured, where traces are not wanted.
 */
export class Spans extends Context.Reference<Spans>()("ens/Spans", {
  defaultValue: (): { readonly record: ((span: DoneSpan) => void) | undefined } => ({ record: undefined })
}) {}

/** The trace that an activity is. */
export const traceIdOf = (activityId: string): string => activityId.replaceAll("-", "")

/** The activity that a caller's trace is to us; undefined if the header is not one of W3C Trace Context, level 1. */
export const activityOf = (
  traceparent: string | undefined
): { readonly activityId: string; readonly caller: string } | undefined => {
  const [, trace = "", caller = ""] =
    /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(?:$|-)/.exec(
      traceparent ?? ""
    ) ?? []
  if (trace === "") return undefined
  const activityId = trace.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5")
  return { activityId, caller }
}
