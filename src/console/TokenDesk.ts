import { Clock, Effect, Either, Redacted } from "effect"
import { hashApiToken, makeApiToken } from "../../layers/crypto/ApiTokenSecret.ts"
import { isLoopback } from "../../layers/net/Loopback.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import { Audit } from "../../layers/telemetry/Audit.ts"
import type { NewToken } from "../../schemas/ConsoleApi.ts"
import { plainName } from "../../schemas/PlainName.ts"
import { shownId, storedId } from "../cli/AdminTokens.ts"
import { webUrl } from "../config/Parse.ts"
import { ApiTokens } from "../http/ApiTokens.ts"
import { problem } from "../http/console/ConsoleProblem.ts"
import { ConsoleSessions } from "../http/console/ConsoleSessions.ts"

/** All tokens of both kinds; of none of them the token itself. */
export const tokenList = Effect.gen(function* () {
  const storage = yield* Storage
  const tokens = yield* storage.listTokens
  const adminTokens = yield* storage.listAdminTokens
  return { tokens, adminTokens: adminTokens.map((token) => ({ ...token, id: shownId(token.id) })) }
})

/** A new API token, for once together with its text. `actor`: see `AuditRecord`. */
export const makeToken = Effect.fnUntraced(function* (given: typeof NewToken.Type, actor: string) {
  const label = yield* name("label", given.label)
  const tenant = yield* name("tenant", given.tenant)
  const ewsUrls = given.ewsUrl?.trim() ? [yield* ewsUrl(given.ewsUrl)] : []
  const token = Redacted.value(yield* makeApiToken)
  const made = yield* (yield* Storage)
    .createToken({
      tenant,
      label,
      hash: hashApiToken(token),
      ewsUrls,
      ewsPins: [],
      seg: false,
      createdAt: yield* Clock.currentTimeMillis
    })
    .pipe(Effect.tapError(() => record(actor, "token.create", "", "failure")))
  yield* record(actor, "token.create", made.id, "success")
  yield* refreshed
  return { id: made.id, tenant: made.tenant, token }
})

/** Phones with this token are refused from now on; users and subscriptions stay. */
export const revokeToken = Effect.fnUntraced(function* (id: string, actor: string) {
  const storage = yield* Storage
  const revoked = yield* storage
    .revokeToken(id)
    .pipe(Effect.tapError(() => record(actor, "token.revoke", id, "failure")))
  if (!revoked) return yield* problem(404, "there is no such token; somebody else may have revoked it")
  yield* record(actor, "token.revoke", id, "success")
  yield* refreshed
})

/** `id` with or without `admin-`. Its sessions end at once. The last one stays, or nobody could sign in any more. */
export const revokeAdminToken = (id: string, actor: string) =>
  oneByOne(
    Effect.gen(function* () {
      const storage = yield* Storage
      const stored = storedId(id) ?? id
      const all = yield* storage.listAdminTokens
      if (!all.some((token) => token.id === stored)) return yield* GONE
      if (all.length === 1) {
        return yield* problem(
          409,
          "this is the last admin token; make another one before: npm run -s ens -- token create --admin --label NAME"
        )
      }
      const revoked = yield* storage
        .revokeAdminToken(stored)
        .pipe(Effect.tapError(() => record(actor, "token.revoke", shownId(stored), "failure")))
      if (!revoked) return yield* GONE
      yield* record(actor, "token.revoke", shownId(stored), "success")
      yield* Effect.flatMap(ConsoleSessions, ({ endThoseOf }) => endThoseOf(stored))
    })
  )

/** Two that revoke the last two at once would both see another one left. */
const oneByOne = Effect.unsafeMakeSemaphore(1).withPermits(1)

const GONE = problem(404, "there is no such admin token; somebody else may have revoked it")

const record = (actor: string, action: string, target: string, outcome: "success" | "failure") =>
  Effect.flatMap(Audit, (audit) => audit.record({ actor, action, target, outcome }))

/** What storage could not tell now is read within the next 20 seconds. */
const refreshed = Effect.flatMap(ApiTokens, ({ refresh }) => Effect.ignore(refresh))

const name = (field: string, value: string) => {
  const plain = plainName(value)
  return plain === undefined
    ? Effect.fail(problem(400, `the ${field} must be a text of 1 to 100 characters`))
    : Effect.succeed(plain)
}

const ewsUrl = (value: string) =>
  Either.match(webUrl(value.trim()), {
    onLeft: (must) =>
      Effect.fail(problem(400, `the EWS URL ${must}, like https://mail.example.com/EWS/Exchange.asmx`)),
    onRight: (url) =>
      url.protocol === "https:" || isLoopback(url)
        ? Effect.succeed(url.href)
        : Effect.fail(problem(400, "the EWS URL must be https; plain http is for loopback addresses only"))
  })
