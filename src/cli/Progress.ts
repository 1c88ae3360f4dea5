import { Context, Effect } from "effect"

/** What a long command is doing, in one line that the next replaces. For eyes: nothing may depend on it. */
export interface ProgressShape {
  /** The step that begins now: "keys", "the schema of …". */
  readonly step: (name: string) => Effect.Effect<void>
  /** How far it is: 12 of 50. Without `total` nobody knows how many there will be. */
  readonly count: (done: number, total?: number) => Effect.Effect<void>
  /** Wipes the line, before something else is printed. */
  readonly clear: Effect.Effect<void>
}

/** Shown by `shown`; who runs without it (tests, `--json`, pipes) shows nothing. */
export class Progress extends Context.Reference<Progress>()("ens/Progress", {
  defaultValue: (): ProgressShape => ({
    step: () => Effect.void,
    count: () => Effect.void,
    clear: Effect.void
  })
}) {}

/** What of a stream is looked at and used. */
export interface Screen {
  readonly isTTY?: boolean
  readonly columns?: number
  readonly write: (text: string) => unknown
}

/**
 * Shows a command's progress on standard error if that is a terminal, and wipes it when the command ends, however it does.
 * With `--json` nothing is shown: programs read that.
 */
export const shown =
  (json: boolean, screen: Screen = process.stderr) =>
  <A, E, R>(command: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    json || screen.isTTY !== true
      ? command
      : Effect.suspend(() => {
          const progress = line(screen)
          return Effect.ensuring(Effect.provideService(command, Progress, progress), progress.clear)
        })

const line = (screen: Screen): ProgressShape => {
  let step = ""
  let isWritten = false
  const write = (text: string) =>
    Effect.sync(() => {
      // A line that wraps could not be wiped any more.
      screen.write(`\r\u001b[K${text.slice(0, Math.max(1, (screen.columns || 80) - 1))}`)
      isWritten = text !== ""
    })
  return {
    step: (name) =>
      Effect.suspend(() => {
        step = name
        return write(`${step} …`)
      }),
    count: (done, total) =>
      Effect.suspend(() => write(`${step}: ${total === undefined ? done : `${done} of ${total}`}`)),
    clear: Effect.suspend(() => (isWritten ? write("") : Effect.void))
  }
}
