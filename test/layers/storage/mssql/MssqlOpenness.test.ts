import { expect, it } from "@effect/vitest"
import { Effect, Either, Redacted } from "effect"
import { warnOfOpenness } from "../../../../layers/storage/MssqlStorage.ts"
import { parseMssqlUrl } from "../../../../layers/storage/mssql/MssqlUrl.ts"
import * as LogRecorder from "../../../support/LogRecorder.ts"

it.effect("a URL that gives up encryption or the server's certificate is warned of", () =>
  Effect.gen(function* () {
    const said = (options: string) =>
      Effect.gen(function* () {
        const lines: Array<LogRecorder.LogLine> = []
        const url = Redacted.make(`mssql://ens:secret@db.example.com/ens${options}`)
        const config = Either.getOrThrow(parseMssqlUrl(url))
        yield* Effect.provide(warnOfOpenness(config), LogRecorder.layer(lines))
        return lines.map(({ level, text }) => `${level} ${text}`)
      })
    expect(yield* said("")).toEqual([])
    expect(yield* said("?trustServerCertificate=true")).toEqual([
      expect.stringMatching(/^WARN .*trustServerCertificate=true.* give caFile=/)
    ])
    expect(yield* said("?encrypt=false")).toEqual([expect.stringMatching(/^WARN .*encrypt=false/)])
  })
)
