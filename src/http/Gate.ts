import { Effect } from "effect"

/**
 * Lets at most so many effects run at once; the next gets `otherwise` at once instead of waiting. Of one party (a tenant) at
 * most three times as many as places are left free: so three quarters if it is alone, and whoever comes beside it finds
 * room, however long its effects hang (dynamic thresholds, Choudhury and Hahne 1998).
 */
export interface Gate {
  readonly run: <A, E, R, B>(
    party: number,
    effect: Effect.Effect<A, E, R>,
    otherwise: B
  ) => Effect.Effect<A | B, E, R>
}

export const make = (max: number): Effect.Effect<Gate> =>
  Effect.sync(() => {
    let inside = 0
    const ofParty = new Map<number, number>()
    return {
      run: <A, E, R, B>(party: number, effect: Effect.Effect<A, E, R>, otherwise: B) =>
        Effect.suspend((): Effect.Effect<A | B, E, R> => {
          const own = ofParty.get(party) ?? 0
          if (own >= SHARE * (max - inside)) return Effect.succeed(otherwise)
          inside++
          ofParty.set(party, own + 1)
          return Effect.ensuring(
            effect,
            Effect.sync(() => {
              inside--
              const left = (ofParty.get(party) ?? 1) - 1
              if (left === 0) ofParty.delete(party)
              else ofParty.set(party, left)
            })
          )
        })
    }
  })

/** Of the places that are free. */
const SHARE = 3
