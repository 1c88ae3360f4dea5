import { Context, Effect, Layer } from "effect"

/**
 * What this node is at the moment:
 * - `active`: it acts for its users, and surely nobody else does.
 * - `cut off`: it was active, and since its tenure ran out it could not ask whether it still is, because the database
 *   cannot be reached. It answers callbacks and announces their mails, from what it has in memory, and begins nothing.
 * - `standby`: another node is active, or none yet.
 */
export type Role = "active" | "cut off" | "standby"

/**
 * Which users this node acts for. One node owns all users of a database; buckets (`bucketOf` in `schemas/Ids.ts`) are the
 * unit in which several nodes could share them.
 */
export class Ownership extends Context.Tag("ens/Ownership")<
  Ownership,
  {
    /** Changes by itself when time runs out, so it is asked for right before something is done. Costs no more than two clocks. */
    readonly role: () => Role
    /** Whether users of this bucket are this node's. */
    readonly owns: (bucket: number) => boolean
    /** Number of the tenure, which every write carries: 0 = none, so that nothing is written; undefined = nobody to fence. */
    readonly epoch: () => number | undefined
    /**
     * Runs `work` in every tenure of this node, from when it becomes active until another node is known to have taken over;
     * then it is interrupted, and waited for. Being cut off does not end a tenure. A `work` that ends by itself is not
     * repeated in the same tenure. Never ends by itself.
     */
    readonly during: <E, R>(work: Effect.Effect<unknown, E, R>) => Effect.Effect<never, E, R>
    /** The machine on which another node acts, as this one heard when it last asked; undefined = not known. */
    readonly actingNode?: () => string | undefined
  }
>() {}

/** Whether something may be begun that another node must not do as well: a Subscribe, a silent push, emptying the outbox. */
export const mayAct = (ownership: Ownership["Type"]): boolean => ownership.role() === "active"

/** Whether a callback may be answered and its mails announced. */
export const mayAnswer = (ownership: Ownership["Type"]): boolean => ownership.role() !== "standby"

/** One node, all users, for ever. */
export const layerAll: Layer.Layer<Ownership> = Layer.succeed(Ownership, {
  role: () => "active",
  owns: () => true,
  epoch: () => undefined,
  during: (work) => Effect.zipRight(work, Effect.never)
})
