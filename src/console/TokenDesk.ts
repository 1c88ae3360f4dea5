import { Clock, Effect, Either, Option, Redacted } from "effect"
import { hashApiToken, makeApiToken } from "../../layers/crypto/ApiTokenSecret.ts"
import { isLoopback } from "../../layers/net/Loopback.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import { Audit } from "../../layers/telemetry/Audit.ts"
import type { NewToken, Rotation } from "../../schemas/ConsoleApi.ts"
import { plainName } from "../../schemas/PlainName.ts"
import { hasEnded, type TokenEnd } from "../../schemas/TokenEnd.ts"
import { shownId, storedId } from "../cli/AdminTokens.ts"
import { webUrl } from "../config/Parse.ts"
import { ApiTokens } from "../http/ApiTokens.ts"
import { problem } from "../http/console/ConsoleProblem.ts"
import { ConsoleSessions } from "../http/console/ConsoleSessions.ts"
import { rotate } from "../TokenRotation.ts"

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

/** A new API token in the place of this one, for once together with its text. */
export const rotateToken = Effect.fnUntraced(function* (
  id: string,
  { overlapDays }: typeof Rotation.Type,
  actor: string
) {
  const replaced = yield* rotate(id, overlapDays * DAY).pipe(
    Effect.tapError(() => record(actor, "token.rotate", id, "failure"))
  )
  if (Option.isNone(replaced)) return yield* problem(404, "there is no such token, or it has ended")
  yield* record(actor, "token.rotate", id, "success")
  yield* refreshed
  return { ...replaced.value, token: Redacted.value(replaced.value.token) }
})

/**
 * The same for an admin token (`admin-3`), for who has it: a session alone, or one of somebody else, makes no token that
 * outlives it. It stays valid for a day at least, because the page that shows the new one may live in a session of the old one.
 * One that has an end already was replaced, perhaps because it had been stolen, and gets no further successor here.
 */
export const rotateAdminToken = (id: string, given: typeof Rotation.Type, actor: string) =>
  oneByOne(
    Effect.gen(function* () {
      if (given.overlapDays < 1) {
        return yield* problem(
          400,
          "an admin token must stay valid for a day at least; revoke it when you have the new one"
        )
      }
      const storage = yield* Storage
      const stored = storedId(id)
      const target = (yield* storage.listAdminTokens).find((token) => token.id === stored)
      if (target === undefined) return yield* GONE
      const shown = yield* storage.adminTokenOf(hashApiToken((given.token ?? "").trim()))
      if (Option.getOrUndefined(shown)?.id !== stored) {
        yield* record(actor, "token.rotate", id, "failure")
        return yield* problem(
          403,
          `this is not admin token ${id}; who has lost it runs on the server: ens token rotate ${id}`
        )
      }
      if (target.expiresAt !== null) {
        yield* record(actor, "token.rotate", id, "failure")
        return yield* problem(
          409,
          "another token has taken its place already; to make one more, run on the server: ens token create --admin --label NAME"
        )
      }
      return yield* rotateToken(id, given, actor)
    })
  )

const DAY = 24 * 3_600_000

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

/** `id` with or without `admin-`. Its sessions end at once. The one that lives longest stays, or nobody could sign in any more. */
export const revokeAdminToken = (id: string, actor: string) =>
  oneByOne(
    Effect.gen(function* () {
      const storage = yield* Storage
      const stored = storedId(id) ?? id
      const all = yield* storage.listAdminTokens
      const now = yield* Clock.currentTimeMillis
      const target = all.find((token) => token.id === stored)
      if (target === undefined) return yield* GONE
      const isLast = !all.some((token) => token !== target && endOf(token) >= endOf(target))
      if (isLast && !hasEnded(target, now)) {
        return yield* problem(
          409,
          "no other admin token is valid for as long as this one; make another one before: npm run -s ens -- token create --admin --label NAME"
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

const endOf = ({ expiresAt }: TokenEnd) => expiresAt ?? Number.POSITIVE_INFINITY

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
