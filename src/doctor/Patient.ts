import { Context, type Effect } from "effect"
import type { SettingsShape } from "../../schemas/Settings.ts"
import type { FoundStorage } from "./FoundStorage.ts"
import type { Questions } from "./Questions.ts"
import type { RunningNode } from "./RunningNode.ts"

/** What the checks look at. Storage and node are asked for once, by the first check that needs them. */
export class Patient extends Context.Tag("ens/doctor/Patient")<
  Patient,
  {
    readonly settings: SettingsShape
    readonly questions: Questions
    readonly storage: Effect.Effect<FoundStorage>
    /** undefined: no service answers on the admin listener. */
    readonly node: Effect.Effect<RunningNode | undefined>
  }
>() {}
