import { readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { certificateIn } from "../../../src/sandbox/CertificateFolder.ts"
import { runApns, runFcm, runSns } from "../../../src/sandbox/RunPush.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"
import { running } from "./support/Running.ts"

/** The printed line of settings. */
const environmentIn = (line: string): Readonly<Record<string, string>> =>
  Object.fromEntries(line.split(" ").map((setting) => setting.split(/=(.*)/s)))

const place = Effect.gen(function* () {
  const folder = join(yield* temporaryDirectory, "made")
  return { port: 0, folder, certificate: yield* certificateIn(folder, ["127.0.0.1"]) }
})

it.scopedLive(
  "the APNs command makes a key, keeps it, and prints the settings of a service that uses it",
  () =>
    Effect.gen(function* () {
      const given = yield* place
      const keys: Array<string> = []
      for (const _ of ["the first time", "again"])
        yield* running(runApns(given), (printed) =>
          Effect.gen(function* () {
            const port = yield* printed(/APNs stand-in: https:\/\/127\.0\.0\.1:(\d+)/)
            const environment = environmentIn(yield* printed(/^(ENS_PUSH=.*)$/m))
            const file = join(given.folder, "apns.p8")
            expect(environment).toEqual({
              ENS_PUSH: "ios=apns,android=log",
              ENS_APNS_HOST: "127.0.0.1",
              ENS_APNS_PORT: port,
              ENS_APNS_KEY_FILE: file,
              ENS_APNS_KEY_ID: "SANDBOXKEY",
              ENS_APNS_TEAM_ID: "SANDBOXTEAM",
              NODE_EXTRA_CA_CERTS: given.certificate.certFile
            })
            expect(statSync(file).mode & 0o077).toBe(0)
            keys.push(readFileSync(file, "utf8"))
            expect(yield* printed(/curl (http:\S+)\/state/)).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/sandbox$/)
          })
        )
      expect(keys[0]).toContain("BEGIN PRIVATE KEY")
      expect(keys[1]).toBe(keys[0])
    })
)

it.scopedLive("the FCM command makes a service account, whose key it keeps over restarts", () =>
  Effect.gen(function* () {
    const given = yield* place
    const accounts: Array<{ readonly private_key: string; readonly token_uri: string }> = []
    for (const _ of ["the first time", "again"])
      yield* running(runFcm(given), (printed) =>
        Effect.gen(function* () {
          const url = yield* printed(/FCM stand-in: (\S+)/)
          const environment = environmentIn(yield* printed(/^(ENS_PUSH=.*)$/m))
          const file = join(given.folder, "fcm-service-account.json")
          expect(environment).toEqual({
            ENS_PUSH: "fcm",
            ENS_FCM_ENDPOINT: url,
            ENS_FCM_SERVICE_ACCOUNT_FILE: file,
            NODE_EXTRA_CA_CERTS: given.certificate.certFile
          })
          expect(statSync(file).mode & 0o077).toBe(0)
          const account = JSON.parse(readFileSync(file, "utf8"))
          expect(account.token_uri).toBe(`${url}/token`)
          accounts.push(account)
        })
      )
    expect(accounts[1]?.private_key).toBe(accounts[0]?.private_key)
  })
)

it.scopedLive("a folder that cannot be made is a failure with its name", () =>
  Effect.gen(function* () {
    const given = { ...(yield* place), folder: "package.json/x" }
    for (const command of [runApns(given), runFcm(given)])
      expect((yield* Effect.flip(command)).message).toMatch(
        /package\.json\/x\/\S+: .*; choose another file or folder$/
      )
  })
)

it.live("the SNS command prints the settings, and every notification it takes", () =>
  running(runSns({ port: 0, certFile: "/some where/it's.crt" }), (printed) =>
    Effect.gen(function* () {
      const url = yield* printed(/SNS stand-in: (\S+)/)
      const line = yield* printed(/^(ENS_PUSH=.*)$/m)
      expect(line).toContain(`ENS_SNS_ENDPOINT=${url} `)
      expect(line).toContain(
        "ENS_SNS_PLATFORM_ARN_ANDROID=arn:aws:sns:eu-central-1:123456789012:app/GCM/sandbox "
      )
      expect(line).toContain(" AWS_ACCESS_KEY_ID=sandbox ")
      // As a shell takes it.
      expect(line).toContain(` NODE_EXTRA_CA_CERTS='/some where/it'\\''s.crt'`)
      const form = async (fields: Record<string, string>) => {
        const headers = { authorization: "AWS4-HMAC-SHA256 Credential=a/b/c/sns/aws4_request, x" }
        const response = await fetch(url, { method: "POST", headers, body: new URLSearchParams(fields) })
        return response.text()
      }
      const created = yield* Effect.promise(() =>
        form({
          Action: "CreatePlatformEndpoint",
          PlatformApplicationArn: "arn:aws:sns:eu-central-1:123456789012:app/APNS/sandbox",
          Token: "t-1"
        })
      )
      const arn = /<EndpointArn>([^<]+)</.exec(created)?.[1] ?? ""
      const message = JSON.stringify({ default: "x", APNS: '{"aps":{}}' })
      yield* Effect.promise(() =>
        form({ Action: "Publish", TargetArn: arn, MessageStructure: "json", Message: message })
      )
      expect(JSON.parse(yield* printed(/^(\{.*"t-1".*\})$/m))).toMatchObject({
        deviceType: "iOS",
        payload: { aps: {} }
      })
    })
  )
)
