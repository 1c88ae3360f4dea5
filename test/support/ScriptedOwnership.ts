import { Effect, Fiber } from "effect"
import type { Ownership, Role } from "../../layers/ownership/Ownership.ts"

/** One node's part in the play: the test says what it is, and when it gets to know. */
export interface ScriptedOwnership {
  readonly service: Ownership["Type"]
  /** What it is from now on; its work begins or ends accordingly. */
  readonly become: (role: Role) => void
  /** What the clock alone says in a process that stood still and has not looked around yet: nothing is begun or ended. */
  readonly seems: (role: Role) => void
  /** Writes that `fencedStorage` refused. */
  readonly refused: Array<string>
}

/** `owns`: which buckets. */
export const makeOwnership = (
  first: Role,
  owns: (bucket: number) => boolean = () => true
): ScriptedOwnership => {
  let role = first
  let epoch = first === "standby" ? 0 : 1
  let told = first
  const listeners = new Set<() => void>()

  const until = (isSo: () => boolean) =>
    Effect.async<void>((resume) => {
      const look = () => {
        if (!isSo()) return
        listeners.delete(look)
        resume(Effect.void)
      }
      listeners.add(look)
      look()
      return Effect.sync(() => void listeners.delete(look))
    })
  const during: Ownership["Type"]["during"] = (work) =>
    Effect.forever(
      Effect.gen(function* () {
        yield* until(() => told !== "standby")
        const fiber = yield* Effect.fork(work)
        yield* Effect.raceFirst(
          until(() => told === "standby"),
          Effect.zipRight(Fiber.join(fiber), Effect.never)
        ).pipe(Effect.onExit(() => Fiber.interrupt(fiber)))
      })
    )
  return {
    refused: [],
    service: { role: () => role, owns, epoch: () => (role === "standby" ? 0 : epoch), during },
    seems: (next) => {
      role = next
    },
    become: (next) => {
      if (next === "active" && told === "standby") epoch += 1
      role = next
      told = next
      for (const look of [...listeners]) look()
    }
  }
}
