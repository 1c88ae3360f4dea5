import { generateKeyPairSync } from "node:crypto"
import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as ApnsKeys from "../../../layers/push/ApnsKeys.ts"
import type { PerApp } from "../../../schemas/Settings.ts"

const folder = mkdtempSync(join(tmpdir(), "ens-apns-keys-"))
const file = (name: string, text: string) => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}
const pem = (curve: string) =>
  generateKeyPairSync("ec", { namedCurve: curve })
    .privateKey.export({ type: "pkcs8", format: "pem" })
    .toString()
const good = file("good.p8", pem("P-256"))
const second = file("second.p8", pem("P-256"))

const values = (otherwise: string | undefined, apps: Record<string, string> = {}): PerApp => ({
  otherwise,
  apps: new Map(Object.entries(apps))
})

const read = (keyFile: PerApp, keyId: PerApp, teamId: PerApp) =>
  ApnsKeys.read({ keyFile, keyId, teamId, host: undefined, port: 443 })

const problem = (keyFile: PerApp, keyId: PerApp = values("K"), teamId: PerApp = values("T")) =>
  Effect.map(Effect.flip(read(keyFile, keyId, teamId)), (error) => error.message)

describe("the keys of APNs", () => {
  it.effect("are one for all apps", () =>
    Effect.gen(function* () {
      const keys = yield* read(values(good), values("K"), values("T"))
      expect(keys.otherwise).toMatchObject({ keyId: "K", teamId: "T" })
      expect(keys.apps.size).toBe(0)
    })
  )
  it.effect("may differ by app; what an app does not name is taken from the others", () =>
    Effect.gen(function* () {
      const keys = yield* read(
        values(undefined, { a: good, b: second, c: second }),
        values(undefined, { a: "KA", b: "KB", c: "KB" }),
        values("T")
      )
      expect(keys.otherwise).toBeUndefined()
      expect(keys.apps.get("a")).toMatchObject({ keyId: "KA", teamId: "T" })
      expect(keys.apps.get("b")).toMatchObject({ keyId: "KB", teamId: "T" })
      // One key object, so that its token is shared.
      expect(keys.apps.get("c")).toBe(keys.apps.get("b"))
    })
  )
  it.effect("that are not complete are told with the missing settings", () =>
    Effect.gen(function* () {
      expect(yield* problem(values(undefined), values(undefined))).toMatch(
        /^push gateway apns: ENS_APNS_KEY_FILE and ENS_APNS_KEY_ID must be set: /
      )
      expect(yield* problem(values(undefined, { "com.a": good }), values(undefined))).toContain(
        "ENS_APNS_KEY_ID must be set for com.a"
      )
    })
  )
  it.effect("that cannot be read, or are none, are told with the cure", () =>
    Effect.gen(function* () {
      expect(yield* problem(values(join(folder, "absent.p8")))).toMatch(/cannot read .*absent.p8 \(ENOENT\)/)
      for (const text of ["", "not a key", pem("P-384")])
        expect(yield* problem(values(file("bad.p8", text)))).toContain("is no APNs key; ENS_APNS_KEY_FILE")
    })
  )
})
