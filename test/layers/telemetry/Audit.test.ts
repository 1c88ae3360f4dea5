import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import * as SqliteStorage from "../../../layers/storage/SqliteStorage.ts"
import { Storage } from "../../../layers/storage/Storage.ts"
import * as Audit from "../../../layers/telemetry/Audit.ts"
import { StorageError } from "../../../schemas/StorageError.ts"
import { settingsOf } from "../../support/CryptoFixture.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"

const made = {
  actor: "cli:root@mail1",
  action: "token.create",
  target: "admin-3",
  outcome: "success"
} as const

/** Warnings only. */
const warnings = () => {
  const said: Array<string> = []
  const layer = Logger.replace(
    Logger.defaultLogger,
    Logger.make(({ logLevel, message }) => {
      if (logLevel.label === "WARN") said.push([message].flat().join(" "))
    })
  )
  return { said, layer }
}

const record = (...what: ReadonlyArray<Parameters<Audit.Audit["Type"]["record"]>[0]>) =>
  Effect.flatMap(Audit.Audit, (audit) => Effect.forEach(what, audit.record, { discard: true }))

const linesOf = (file: string) =>
  readFileSync(file, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))

describe("an audit event", () => {
  it.scopedLive("is in storage and, in names of the Elastic Common Schema, in the file", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const auditFile = join(directory, "logs", "audit.json")
      const stored = yield* record(made, { ...made, action: "init", target: "", outcome: "failure" }).pipe(
        Effect.zipRight(Effect.flatMap(Storage, (storage) => storage.audits(10))),
        Effect.provide(Layer.provideMerge(Audit.layer, SqliteStorage.layer(join(directory, "ens.db")))),
        Effect.provide(settingsOf({ auditFile }))
      )
      expect(stored.map(({ action }) => action)).toEqual(["init", "token.create"])
      const [first, second] = linesOf(auditFile)
      expect(first).toMatchObject({
        "@timestamp": new Date(stored[1]!.at).toISOString(),
        message: "cli:root@mail1 token.create admin-3: success",
        "log.logger": "Audit",
        "event.kind": "event",
        "event.action": "token.create",
        "event.outcome": "success",
        "user.name": "cli:root@mail1",
        "labels.target": "admin-3"
      })
      expect(second).toMatchObject({ "event.outcome": "failure", message: "cli:root@mail1 init: failure" })
      expect(second).not.toHaveProperty("labels.target")
      expect(statSync(auditFile).mode & 0o137).toBe(0)
    })
  )

  it.scopedLive("goes to a new file after the old one was moved away", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const auditFile = join(directory, "audit.json")
      yield* Effect.gen(function* () {
        yield* record(made)
        renameSync(auditFile, `${auditFile}.1`)
        yield* record(made)
      }).pipe(Effect.provide(Audit.layerWithoutStorage), Effect.provide(settingsOf({ auditFile })))
      expect(linesOf(auditFile)).toHaveLength(1)
    })
  )

  it.scopedLive("that cannot be written is one warning per outage, and stops nothing", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const occupied = join(directory, "occupied")
      writeFileSync(occupied, "")
      const { layer, said } = warnings()
      yield* record(made, made, made).pipe(
        Effect.provide(Audit.layerWithoutStorage),
        Effect.provide(settingsOf({ auditFile: join(occupied, "audit.json") })),
        Effect.provide(layer)
      )
      expect(said).toEqual([expect.stringMatching(/^ENS_AUDIT_FILE: .* cannot be written \(E\w+\)/)])
    })
  )

  it.scopedLive("is in the file though storage is away", () =>
    Effect.gen(function* () {
      const auditFile = join(yield* temporaryDirectory, "audit.json")
      const { layer, said } = warnings()
      const broken = Layer.succeed(Storage, {
        addAudit: () => new StorageError({ operation: "addAudit", transient: true, cause: new Error("away") })
      } as unknown as Storage["Type"])
      yield* record(made).pipe(
        Effect.provide(Layer.provide(Audit.layer, broken)),
        Effect.provide(settingsOf({ auditFile })),
        Effect.provide(layer)
      )
      expect(linesOf(auditFile)).toHaveLength(1)
      expect(said).toEqual([expect.stringMatching(/^an audit event is not stored\./)])
    })
  )

  it.scopedLive("makes no file where none is asked for", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      yield* record(made).pipe(
        Effect.provide(Audit.layerWithoutStorage),
        Effect.provide(settingsOf({ auditFile: undefined, dataDir: directory }))
      )
      expect(existsSync(join(directory, "audit.json"))).toBe(false)
    })
  )
})
