import { Console, Effect, Fiber } from "effect"
import { Changes } from "../../../../src/sandbox/Changes.ts"

/** Runs a command until `use` is done with what it prints. */
export const running = <E>(
  command: Effect.Effect<never, E>,
  use: (printed: (pattern: RegExp) => Effect.Effect<string>) => Effect.Effect<void>
) =>
  Effect.gen(function* () {
    let output = ""
    const changes = new Changes()
    const real = yield* Effect.console
    const console_: Console.Console = {
      ...real,
      log: (...parts) =>
        Effect.sync(() => {
          output += `${parts.join(" ")}\n`
          changes.signal()
        })
    }
    const fiber = yield* Effect.fork(command.pipe(Console.withConsole(console_)))
    yield* use((pattern) =>
      changes.until(() => pattern.test(output)).pipe(Effect.map(() => pattern.exec(output)?.[1] ?? ""))
    )
    yield* Fiber.interrupt(fiber)
  })
