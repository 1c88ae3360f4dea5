import { Context, Layer } from "effect"

/**
 * Which users this node acts for, by bucket (`bucketOf` in `schemas/Ids.ts`). The first layer owns all of them for ever;
 * a lease on the database or a cluster can take its place, and nobody else notices.
 */
export class Ownership extends Context.Tag("ens/Ownership")<
  Ownership,
  { readonly owns: (bucket: number) => boolean }
>() {}

/** One node, all users. */
export const layerAll: Layer.Layer<Ownership> = Layer.succeed(Ownership, { owns: () => true })
