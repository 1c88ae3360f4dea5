import { Clock, Effect } from "effect"
import { Storage } from "../../../layers/storage/Storage.ts"
import { Audit } from "../../../layers/telemetry/Audit.ts"
import { LogLevels } from "../../../layers/telemetry/LogLevels.ts"
import * as Api from "../../../schemas/ConsoleApi.ts"
import type { UserId } from "../../../schemas/Ids.ts"
import { certificateReport } from "../../console/CertificateReport.ts"
import { overviewReport } from "../../console/OverviewReport.ts"
import { Sampler } from "../../console/Sampler.ts"
import type { TestTimes } from "../../console/SendTest.ts"
import {
  makeToken,
  revokeAdminToken,
  revokeToken,
  rotateAdminToken,
  rotateToken,
  tokenList
} from "../../console/TokenDesk.ts"
import { act } from "../../console/UserAction.ts"
import { userPage } from "../../users/UserReport.ts"
import type { AdminServices } from "../Admin.ts"
import { LEVEL_CHANGED } from "../ChangeLogLevel.ts"
import { type ConsoleEndpoint, endpoint } from "./ConsoleEndpoint.ts"
import { problem } from "./ConsoleProblem.ts"
import type { ConsoleSessions } from "./ConsoleSessions.ts"
import type { Session } from "./SessionBook.ts"

/** What the console's API works with. */
export type ConsoleServices = AdminServices | Sampler | Audit | ConsoleSessions | TestTimes

const AUDITS_SHOWN = 200

/** The table of schemas/ConsoleApi.ts, but for the session itself. */
export const endpoints: ReadonlyArray<ConsoleEndpoint<ConsoleServices>> = [
  endpoint({
    method: "GET",
    path: /^overview$/,
    answer: Api.Overview,
    handle: () => overviewReport
  }),
  endpoint({
    method: "GET",
    path: /^series$/,
    answer: Api.Series,
    handle: () => Effect.flatMap(Sampler, ({ series }) => series)
  }),
  endpoint({
    method: "GET",
    path: /^users\/([0-9a-f]{64})$/,
    answer: Api.UserPage,
    handle: ({ id }) => userPage(id as UserId)
  }),
  endpoint({
    method: "POST",
    path: /^users\/([0-9a-f]{64})\/actions$/,
    body: Api.UserAction,
    answer: Api.ActionResult,
    handle: ({ body, id, session }) => act(body, id as UserId, actorOf(session))
  }),
  endpoint({ method: "GET", path: /^tokens$/, answer: Api.Tokens, handle: () => tokenList }),
  endpoint({
    method: "POST",
    path: /^tokens$/,
    body: Api.NewToken,
    answer: Api.MadeToken,
    handle: ({ body, session }) => makeToken(body, actorOf(session))
  }),
  endpoint({
    method: "POST",
    path: /^tokens\/(\d{1,18})\/rotations$/,
    body: Api.Rotation,
    answer: Api.RotatedToken,
    handle: ({ body, id, session }) => rotateToken(id, body, actorOf(session))
  }),
  endpoint({
    method: "POST",
    path: /^admin-tokens\/(admin-\d{1,18})\/rotations$/,
    body: Api.Rotation,
    answer: Api.RotatedToken,
    handle: ({ body, id, session }) => rotateAdminToken(id, body, actorOf(session))
  }),
  endpoint({
    method: "DELETE",
    path: /^tokens\/(\d{1,18})$/,
    handle: ({ id, session }) => revokeToken(id, actorOf(session))
  }),
  endpoint({
    method: "DELETE",
    path: /^admin-tokens\/((?:admin-)?\d{1,18})$/,
    handle: ({ id, session }) => revokeAdminToken(id, actorOf(session))
  }),
  endpoint({
    method: "GET",
    path: /^certificates$/,
    answer: Api.Certificates,
    handle: () => certificateReport
  }),
  endpoint({
    method: "GET",
    path: /^audits$/,
    answer: Api.Audits,
    handle: () =>
      Effect.map(
        Effect.flatMap(Storage, ({ audits }) => audits(AUDITS_SHOWN)),
        (audits) => ({ audits })
      )
  }),
  endpoint({ method: "GET", path: /^log-level$/, answer: Api.LogLevelChoice, handle: () => levelNow }),
  endpoint({
    method: "PUT",
    path: /^log-level$/,
    body: Api.LogLevelChoice,
    answer: Api.LogLevelChoice,
    handle: ({ body, session }) => setLevel(body, actorOf(session))
  })
]

const actorOf = ({ token }: Session) => `console:${token.label}`

const levelNow = Effect.map(
  Effect.flatMap(LogLevels, ({ current }) => current),
  ({ level, until }) => ({ level, until: until ?? null })
)

const setLevel = Effect.fnUntraced(function* (
  { level, until }: typeof Api.LogLevelChoice.Type,
  actor: string
) {
  if (until !== null && until <= (yield* Clock.currentTimeMillis)) {
    return yield* problem(400, "the time until which it holds must lie ahead")
  }
  const levels = yield* LogLevels
  // With the level that shows it: a lower one would hide that it was set.
  yield* levels.set(level, until ?? undefined)
  yield* Effect.flatMap(Audit, (audit) =>
    audit.record({ actor, action: LEVEL_CHANGED, target: level, outcome: "success" })
  )
  return yield* levelNow
})
