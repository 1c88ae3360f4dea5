import { Context, Exit, Option, Tracer } from "effect"
import { type DoneSpan, traceIdOf } from "./Spans.ts"

/** Turns what was done into spans of the tracer; `sampled` is the share of traces that are wanted. */
export const recorder =
  (tracer: Tracer.Tracer, sampled: number) =>
  (done: DoneSpan): void => {
    const { activityId } = done
    if (activityId !== undefined && !isSampled(activityId, sampled)) return
    if (activityId === undefined && Math.random() >= sampled) return
    const span = tracer.span(
      done.name,
      parentOf(done),
      Context.empty(),
      [],
      nanoseconds(done.began),
      done.kind
    )
    if (activityId !== undefined && done.isRoot === true) {
      // Known beforehand, so that what stands below it need not wait for it.
      Object.assign(span, { traceId: traceIdOf(activityId), spanId: rootOf(activityId) })
    }
    for (const [name, value] of Object.entries(done.attributes)) span.attribute(name, value)
    span.end(nanoseconds(done.ended), done.failure === undefined ? Exit.void : Exit.fail(done.failure))
  }

/** All spans of an activity share its fate: what is random in its id decides. */
const isSampled = (activityId: string, share: number): boolean =>
  Number.parseInt(activityId.slice(-8), 16) < share * 2 ** 32

const parentOf = ({ activityId, caller, isRoot }: DoneSpan): Option.Option<Tracer.AnySpan> => {
  if (activityId === undefined) return Option.none()
  const traceId = traceIdOf(activityId)
  if (isRoot === true) {
    return caller === undefined
      ? Option.none()
      : Option.some(Tracer.externalSpan({ traceId, spanId: caller }))
  }
  return Option.some(Tracer.externalSpan({ traceId, spanId: rootOf(activityId) }))
}

const rootOf = (activityId: string): string => traceIdOf(activityId).slice(0, 16)

const nanoseconds = (milliseconds: number): bigint => BigInt(Math.round(milliseconds * 1000)) * 1000n
