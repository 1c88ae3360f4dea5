import { Clock, Effect } from "effect"
import { SKEW_ALLOWED } from "../../../layers/net/ClockSkew.ts"
import { faulty, ok, type Tell } from "../Finding.ts"

/** Tells how far another machine's clock is from ours. `theirs`: milliseconds since 1970; nothing is told of what is none. */
export const tellSkew = (tell: Tell, where: string, theirs: number | undefined): Effect.Effect<void> =>
  Effect.map(Clock.currentTimeMillis, (now) => {
    if (theirs === undefined || !Number.isFinite(theirs)) return
    const seconds = Math.round((theirs - now) / 1000)
    const check = `clock of ${where}`
    if (Math.abs(theirs - now) <= SKEW_ALLOWED + 1_000)
      return tell(ok(check, `${Math.abs(seconds)} s from ours`))
    const says = `that of ${where} is ${Math.abs(seconds)} s ${seconds > 0 ? "ahead of" : "behind"} ours`
    tell(faulty(check, "clock-skew", says))
  })

/** The moment in an answer's `Date` header. */
export const dateIn = (
  headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
): number | undefined => {
  const text = [headers["date"] ?? []].flat()[0]
  return text === undefined ? undefined : Date.parse(text)
}
