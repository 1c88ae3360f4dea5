import { Effect, Layer } from "effect"
import { faultOf } from "../../schemas/Fault.ts"
import { TroubleBoard } from "./TroubleBoard.ts"
import { type Trouble, Troubles } from "./Troubles.ts"

/** The troubles of a running service, kept in memory (`TroubleBoard`) and told to the log. */
export const layer: Layer.Layer<Troubles> = Layer.effect(
  Troubles,
  Effect.map(Effect.clock, (clock) => {
    const board = new TroubleBoard()
    const now = () => clock.unsafeCurrentTimeMillis()
    return {
      report: (report) =>
        Effect.suspend(() => {
          const news = board.report(report, now())
          return news === undefined ? Effect.void : begun(news)
        }),
      settle: (fault, where) =>
        Effect.suspend(() => {
          if (board.isClear) return Effect.void
          const past = board.settle(fault, where, now())
          return past === undefined ? Effect.void : over(past, now())
        }),
      current: Effect.sync(() => board.current(now()))
    }
  })
)

const begun = ({ count, fault, since, what, where }: Trouble): Effect.Effect<void> => {
  const { cure, title } = faultOf(fault)
  const often = count === 1 ? "" : ` (${count} times since ${new Date(since).toISOString()})`
  return Effect.annotateLogs(Effect.logWarning(`${title} at ${where}: ${what}; ${cure}${often}`), {
    fault,
    logger: "Troubles"
  })
}

const over = ({ count, fault, since, where }: Trouble, now: number): Effect.Effect<void> =>
  Effect.annotateLogs(
    Effect.logInfo(
      `over after ${Math.round((now - since) / 1000)} s: ${faultOf(fault).title} at ${where} (${count} times)`
    ),
    { fault, logger: "Troubles" }
  )
