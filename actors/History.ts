import { Context } from "effect"
import type { HistoryKind } from "../schemas/History.ts"
import type { UserNumber } from "../schemas/Ids.ts"

export interface HistoryShape {
  /**
   * Notes that something happened to the user now. Returns at once; it is written within some seconds, and lost if the process
   * is killed before. `times`: default 1.
   */
  readonly note: (user: UserNumber, kind: HistoryKind, detail: string, times?: number) => void
}

/** What happened to users (`schemas/History.ts`). A reference: without the layer nothing is noted. */
export class History extends Context.Reference<History>()("ens/History", {
  defaultValue: (): HistoryShape => ({ note: () => {} })
}) {}
