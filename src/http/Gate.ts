import { Effect } from "effect"

/** Lets at most so many effects run at once; the next gets `otherwise` at once instead of waiting. */
export interface Gate {
  readonly run: <A, E, R, B>(effect: Effect.Effect<A, E, R>, otherwise: B) => Effect.Effect<A | B, E, R>
}

export const make = (max: number): Effect.Effect<Gate> =>
  Effect.sync(() => {
    let inside = 0
    const leave = Effect.sync(() => {
      inside--
    })
    return {
      run: <A, E, R, B>(effect: Effect.Effect<A, E, R>, otherwise: B) =>
        Effect.suspend((): Effect.Effect<A | B, E, R> => {
          if (inside >= max) return Effect.succeed(otherwise)
          inside++
          return Effect.ensuring(effect, leave)
        })
    }
  })
