import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { getCACertificates, setDefaultCACertificates } from "node:tls"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as MssqlClient from "../../../../layers/storage/mssql/MssqlClient.ts"
import type { MssqlConfig } from "../../../../layers/storage/mssql/MssqlUrl.ts"
import { selfSigned } from "../../../support/SelfSigned.ts"
import * as Tds from "../../../support/TdsServer.ts"
import * as TdsTls from "../../../support/TdsTls.ts"
import { temporaryDirectory } from "../../../support/TemporaryDirectory.ts"

const ofAddress = selfSigned("127.0.0.1")
const ofName = selfSigned("localhost")

/** Connects, and asks something, over TLS to a server with this certificate. */
const meet = (
  identity: { readonly key: string; readonly cert: string },
  trusted: string | undefined,
  more: Partial<MssqlConfig> = {}
) =>
  Effect.gen(function* () {
    const server = yield* Tds.make
    const port = yield* TdsTls.make(server.port, identity)
    const file = join(yield* temporaryDirectory, "ca.pem")
    yield* Effect.promise(() => writeFile(file, trusted ?? ""))
    const sql = yield* MssqlClient.make(
      server.config({
        port,
        encrypt: true,
        ...(trusted === undefined ? {} : { caFile: file }),
        ...more
      })
    )
    yield* sql`UPDATE t SET n = 1`
    return server.statements.length
  }).pipe(Effect.scoped)

const refused = (effect: ReturnType<typeof meet>) =>
  Effect.map(Effect.flip(effect), ({ cause }) => (cause as Error).message)

describe("TLS to a SQL Server", () => {
  it.live("by its address needs a certificate for that address, and warns of nothing", () =>
    Effect.gen(function* () {
      const warnings: Array<Error> = []
      const listener = (warning: Error) => warnings.push(warning)
      process.on("warning", listener)
      yield* Effect.addFinalizer(() => Effect.sync(() => process.off("warning", listener)))
      expect(yield* meet(ofAddress, ofAddress.cert)).toBe(2)
      expect(yield* refused(meet(ofName, ofName.cert))).toMatch(/certificate/)
      expect(yield* refused(meet(ofAddress, ofName.cert))).toMatch(/certificate/)
      expect(yield* refused(meet(ofAddress, undefined))).toMatch(/certificate/)
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      expect(warnings).toEqual([])
    }).pipe(Effect.scoped)
  )

  it.live("by another name, or with trust in any, is what the operator says", () =>
    Effect.gen(function* () {
      expect(yield* meet(ofName, ofName.cert, { serverName: "localhost" })).toBe(2)
      expect(yield* meet(ofName, ofName.cert, { host: "localhost" })).toBe(2)
      expect(yield* meet(ofName, undefined, { trustServerCertificate: true })).toBe(2)
      expect(yield* refused(meet(ofAddress, ofAddress.cert, { serverName: "localhost" }))).toMatch(/cert/)
    })
  )

  it.live("trusts whom the system trusts, also when a file names another authority", () =>
    Effect.gen(function* () {
      const before = getCACertificates()
      yield* Effect.addFinalizer(() => Effect.sync(() => setDefaultCACertificates(before)))
      setDefaultCACertificates([...before, ofAddress.cert])
      expect(yield* meet(ofAddress, ofName.cert)).toBe(2)
      expect(yield* meet(ofAddress, undefined)).toBe(2)
    }).pipe(Effect.scoped)
  )
})
