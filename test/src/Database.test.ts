import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import * as Ownership from "../../layers/ownership/Ownership.ts"
import { Settings } from "../../schemas/Settings.ts"
import { ConfigProblem } from "../../src/Config.ts"
import * as Database from "../../src/Database.ts"
import { settingsOf } from "../support/CryptoFixture.ts"

const databaseIn = (layer: Layer.Layer<Settings>) =>
  Effect.provide(Effect.flatMap(Settings, Database.databaseOf), layer)

const settings = (url: string) => settingsOf({ databaseUrl: Redacted.make(url) })

describe("the database that the settings name", () => {
  it.effect("is a file, however odd its name, or a server", () =>
    Effect.gen(function* () {
      for (const path of [
        "/data/ens.db",
        "ens.db",
        "///data/ens.db",
        "/data/my ens.db?mode=memory",
        "C:\\ens\\ens.db"
      ])
        expect(yield* databaseIn(settings(`file:${path}`))).toEqual({ _tag: "File", path })
      expect(yield* databaseIn(settings("mssql://ens:s3cret@db.example.com/ENS"))).toMatchObject({
        _tag: "Mssql",
        config: { host: "db.example.com", port: 1433, database: "ENS" }
      })
    })
  )

  it.effect(
    "that cannot be read, or would be forgotten, is told without quoting it, before anything is opened",
    () =>
      Effect.gen(function* () {
        for (const url of [
          "file::memory:",
          "file:",
          "mssql://ens:s3cret@db:1433",
          "mssql://ens:s3cret@db:1433/ENS?encrypt=perhaps",
          "postgres://ens:s3cret@db/ENS"
        ])
          for (const failing of [
            Layer.build(Layer.discard(Database.storage)),
            Layer.build(Layer.discard(Database.ownership))
          ]) {
            const error = yield* failing.pipe(
              Effect.provide(Layer.merge(settings(url), Ownership.layerAll)),
              Effect.scoped,
              Effect.flip
            )
            expect(error, url).toBeInstanceOf(ConfigProblem)
            expect(error.message).toMatch(/^ENS_DATABASE_URL must /)
            expect(error.message).not.toContain("s3cret")
          }
      })
  )
})
