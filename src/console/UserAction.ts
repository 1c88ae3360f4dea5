import { Effect } from "effect"
import { History } from "../../actors/History.ts"
import type { Subscriptions } from "../../actors/Subscriptions.ts"
import { mayAct, Ownership } from "../../layers/ownership/Ownership.ts"
import type { Push } from "../../layers/push/Push.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import { Audit } from "../../layers/telemetry/Audit.ts"
import type { ActionResult, UserAction } from "../../schemas/ConsoleApi.ts"
import type { UserId, UserNumber } from "../../schemas/Ids.ts"
import type { Settings } from "../../schemas/Settings.ts"
import type { StorageError } from "../../schemas/StorageError.ts"
import { type ConsoleProblem, problem } from "../http/console/ConsoleProblem.ts"
import { askToRegister } from "./AskToRegister.ts"
import { forgetUser } from "./ForgetUser.ts"
import { sendTest, type TestTimes } from "./SendTest.ts"

export type Action = (typeof UserAction.Type)["action"]
export type Result = typeof ActionResult.Type

/** Whom an action is for. */
export interface Subject {
  readonly user: UserNumber
  readonly userId: UserId
}

/**
 * Does one of the console's actions for a user, on behalf of `actor` (`console:<label>`): audited, and noted in the user's
 * history. Only the node that acts for users does it.
 */
export const act = Effect.fnUntraced(function* (
  { action, tenant }: typeof UserAction.Type,
  userId: UserId,
  actor: string
) {
  const ownership = yield* Ownership
  if (!mayAct(ownership)) return yield* standby(ownership.actingNode?.())
  const storage = yield* Storage
  const found = (yield* storage.usersOfId(userId)).find(({ tenantName }) => tenantName === tenant)
  if (found === undefined) return yield* problem(404, "this tenant has no such user")
  const subject: Subject = { user: found.user, userId }
  const audit = yield* Audit
  const history = yield* History
  const record = (outcome: "success" | "failure") =>
    audit.record({ actor, action: `user.${action}`, target: userId, outcome })
  return yield* does(action, subject).pipe(
    Effect.tap(({ done, says }) => {
      history.note(found.user, "admin", `${WORDS[action]} by ${actor}: ${says}`)
      return record(done ? "success" : "failure")
    }),
    Effect.tapErrorCause(() => record("failure"))
  )
})

const does = (
  action: Action,
  subject: Subject
): Effect.Effect<
  Result,
  ConsoleProblem | StorageError,
  Settings | Storage | Push | Subscriptions | TestTimes
> => {
  switch (action) {
    case "test":
      return sendTest(subject)
    case "ask":
      return askToRegister(subject)
    case "forget":
      return forgetUser(subject)
  }
}

const WORDS: Readonly<Record<Action, string>> = {
  test: "test notification",
  ask: "asked to register",
  forget: "forgotten"
}

const standby = (node: string | undefined): ConsoleProblem =>
  problem(
    503,
    node === undefined
      ? "this node does not act for users at the moment; open the console of the node that does"
      : `this node is a standby; open the console of the node that acts: ${node}`,
    10
  )
