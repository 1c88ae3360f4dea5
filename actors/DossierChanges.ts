import { Context, Effect } from "effect"
import type { UserNumber } from "../schemas/Ids.ts"

export interface DossierChangesShape {
  /** Storage has something new of the user; whatever the actors remember of it is read anew. */
  readonly changed: (user: UserNumber) => Effect.Effect<void>
}

/** For whoever changes devices outside of the actors. A reference: where there are no actors, nobody remembers anything. */
export class DossierChanges extends Context.Reference<DossierChanges>()("ens/DossierChanges", {
  defaultValue: (): DossierChangesShape => ({ changed: () => Effect.void })
}) {}
