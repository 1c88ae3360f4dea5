import type { Effect } from "effect"
import type { Random } from "./Random.ts"
import type { World } from "./World.ts"

/** Something that goes wrong and heals by its own end. */
export interface Fault {
  readonly name: string
  /** How often others happen for each time that this one does (default 1: as often). */
  readonly weight?: number
  /** How often it may happen in a run; default: any number of times. */
  readonly most?: number
  /** It ends subscriptions: only phones bring them back, and only if there is peace for so long. */
  readonly ends?: boolean
  /** Whether the service may be killed in the middle of it. */
  readonly survives?: boolean
  readonly run: (world: World, random: Random) => Effect.Effect<void, { readonly message: string }>
}
