import { randomBytes } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { Clock, Effect, Schema } from "effect"
import { hashApiToken } from "../../layers/crypto/ApiTokenSecret.ts"
import * as SqliteStorage from "../../layers/storage/SqliteStorage.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import { ens } from "../support/CommandLine.ts"
import type { Installation } from "../support/Installation.ts"

/** Where an administrator may look, as each shows causes. */
export interface Named {
  readonly fault: string | undefined
  /** The line that says it. */
  readonly line: string
}

/** Of the log, all lines that name a cause. */
export const inLog = (installation: Installation): ReadonlyArray<Named> =>
  installation
    .logLines()
    .filter(({ fields }) => fields["labels.fault"] !== undefined)
    .map(({ fields, message }) => ({ fault: String(fields["labels.fault"]), line: message }))

const Trouble = Schema.Struct({
  fault: Schema.String,
  title: Schema.String,
  where: Schema.String,
  what: Schema.String,
  cure: Schema.String,
  count: Schema.Int
})
export type Trouble = typeof Trouble.Type

/** Of detailed readiness. */
export const inReadiness = (installation: Installation): Effect.Effect<ReadonlyArray<Trouble>> =>
  getJson(`${installation.adminUrl}/readyz`, {})

/** A console that somebody has signed in to; to be done before the service's storage goes away. */
export const signIn = Effect.fnUntraced(function* (installation: Installation, adminToken: string) {
  const answer = yield* Effect.promise(() =>
    fetch(`${installation.adminUrl}/console/api/session`, {
      method: "POST",
      headers: { "content-type": "application/json", origin: installation.adminUrl },
      body: JSON.stringify({ token: adminToken })
    })
  )
  const cookie = (answer.headers.get("set-cookie") ?? "").split(";", 1)[0]!
  if (answer.status !== 200)
    throw new Error(`the console lets nobody in: ${yield* Effect.promise(() => answer.text())}`)
  return getJson(`${installation.adminUrl}/console/api/overview`, { cookie })
})

/** To be made before the service starts. */
export const makeAdminToken = (installation: Installation) =>
  Effect.gen(function* () {
    const token = `ensadm-${randomBytes(32).toString("base64url")}`
    yield* (yield* Storage).createAdminToken({
      label: "night shift",
      hash: hashApiToken(token),
      createdAt: yield* Clock.currentTimeMillis
    })
    return token
  }).pipe(Effect.provide(SqliteStorage.layer(installation.database)))

const Finding = Schema.Struct({
  check: Schema.String,
  verdict: Schema.Literal("ok", "failed", "skipped"),
  says: Schema.String,
  fault: Schema.optional(Schema.String),
  cure: Schema.optional(Schema.String)
})
export type Finding = typeof Finding.Type

/** What `ens doctor` prints, beside the running service. */
export const byDoctor = Effect.fnUntraced(function* (
  installation: Installation,
  given: ReadonlyArray<string>
) {
  const config = join(installation.directory, "settings.json")
  writeFileSync(config, JSON.stringify(installation.environment))
  const { exitCode, out } = yield* ens("doctor", "--json", "--config", config, ...given)
  const findings = Schema.decodeUnknownSync(Schema.parseJson(Schema.Array(Finding)))(out)
  return { exitCode, findings }
})

const getJson = (url: string, headers: Record<string, string>): Effect.Effect<ReadonlyArray<Trouble>> =>
  Effect.promise(async () => {
    const answer = await fetch(url, { headers })
    return decode(await answer.text()).troubles
  })

const decode = Schema.decodeUnknownSync(Schema.parseJson(Schema.Struct({ troubles: Schema.Array(Trouble) })))
