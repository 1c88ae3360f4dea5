import { generateKeyPairSync } from "node:crypto"
import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as FcmServiceAccount from "../../../layers/push/FcmServiceAccount.ts"

const file = join(mkdtempSync(join(tmpdir(), "ens-fcm-account-")), "account.json")
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey
const pem = rsa.export({ type: "pkcs8", format: "pem" }).toString()
const account = { type: "service_account", project_id: "p1", client_email: "ens@p1", private_key: pem }

const read = (content: unknown) => {
  writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content))
  return FcmServiceAccount.read({ serviceAccountFile: file, endpoint: undefined })
}
const problem = (content: unknown) => Effect.map(Effect.flip(read(content)), (error) => error.message)

describe("the service account", () => {
  it.effect("is read as Google gives it out, and logs in at Google's", () =>
    Effect.gen(function* () {
      const { email, projectId, tokenUrl } = yield* read(account)
      expect([email, projectId, tokenUrl.href]).toEqual([
        "ens@p1",
        "p1",
        "https://oauth2.googleapis.com/token"
      ])
    })
  )
  it.effect("that is none is told with the cure, and without a word of the file", () =>
    Effect.gen(function* () {
      const ec = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey
      for (const wrong of [
        "",
        "secret words",
        [],
        { ...account, type: "authorized_user" },
        { ...account, project_id: "a/b" },
        { ...account, client_email: undefined },
        { ...account, private_key: "secret words" },
        { ...account, private_key: ec.export({ type: "pkcs8", format: "pem" }) },
        { ...account, token_uri: "secret words" }
      ]) {
        const message = yield* problem(wrong)
        expect(message).toContain(
          "ENS_FCM_SERVICE_ACCOUNT_FILE must be the JSON file that the Firebase console"
        )
        expect(message).not.toMatch(/secret|PRIVATE/)
      }
    })
  )
  it.effect("never logs in over plain http, but on this machine", () =>
    Effect.gen(function* () {
      expect(yield* problem({ ...account, token_uri: "http://oauth2.example.com/" })).toContain(
        "must be https"
      )
      yield* read({ ...account, token_uri: "http://127.0.0.1:1/token" })
    })
  )
  it.effect("that is absent is told with the setting", () =>
    Effect.gen(function* () {
      const absent = (serviceAccountFile: string | undefined) =>
        Effect.flip(FcmServiceAccount.read({ serviceAccountFile, endpoint: undefined }))
      expect((yield* absent(undefined)).message).toContain("ENS_FCM_SERVICE_ACCOUNT_FILE must be set")
      expect((yield* absent("/nonexistent/a.json")).message).toContain("(ENOENT)")
    })
  )
})
