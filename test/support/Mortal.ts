import { Deferred, Effect } from "effect"

/**
 * A service as a process sees it that may be killed: from then on no call gets anywhere, and none ends. Storage and
 * the world outside stay what they were. `bury` lets the hanging calls fail, so that a test can clean up.
 */
export interface Mortal {
  readonly wrap: <S extends object>(service: S) => S
  readonly kill: () => void
  readonly bury: Effect.Effect<void>
}

export const make: Effect.Effect<Mortal> = Effect.gen(function* () {
  const buried = yield* Deferred.make<void>()
  let alive = true
  const grave = Effect.zipRight(Deferred.await(buried), Effect.interrupt)

  const guard = (effect: Effect.Effect<unknown, unknown, unknown>) =>
    Effect.suspend(() => (alive ? Effect.tap(effect, () => (alive ? Effect.void : grave)) : grave))

  /** A dead process hears no answer. */
  const muted = (parameter: unknown) =>
    isCallback(parameter) ? (...answer: ReadonlyArray<unknown>) => alive && parameter(...answer) : parameter

  const wrap = <S extends object>(service: S): S =>
    Object.fromEntries(
      Object.entries(service).map(([name, member]) => {
        if (Effect.isEffect(member)) return [name, guard(member)]
        if (typeof member !== "function") return [name, member]
        return [
          name,
          (...parameters: ReadonlyArray<unknown>) => {
            if (parameters.some(isCallback)) return alive ? member(...parameters.map(muted)) : () => {}
            const result: unknown = member(...parameters)
            return Effect.isEffect(result) ? guard(result) : result
          }
        ]
      })
    ) as S

  return {
    wrap,
    kill: () => {
      alive = false
    },
    bury: Effect.asVoid(Deferred.succeed(buried, undefined))
  }
})

const isCallback = (parameter: unknown): parameter is (...answer: ReadonlyArray<unknown>) => unknown =>
  typeof parameter === "function"
