import { generateKeyPairSync, sign } from "node:crypto"
import { writeFileSync } from "node:fs"
import * as Http2 from "node:http2"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as ApnsGateway from "../../../layers/push/ApnsGateway.ts"
import { makeApns } from "../../../src/sandbox/Apns.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"
import { selfSigned } from "./support/Certificate.ts"
import { pushSuite } from "./support/PushSuite.ts"

const tls = selfSigned()
const key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({
  type: "pkcs8",
  format: "pem"
}) as string
const sender = { keyId: "KEY1", teamId: "TEAM1", key }

const gatewayAt = (url: string) =>
  Effect.gen(function* () {
    const file = join(yield* temporaryDirectory, "key.p8")
    writeFileSync(file, key)
    const all = (otherwise: string) => ({ otherwise, apps: new Map<string, string>() })
    return yield* ApnsGateway.make({
      settings: {
        keyFile: all(file),
        keyId: all("KEY1"),
        teamId: all("TEAM1"),
        host: "127.0.0.1",
        port: Number(new URL(url).port)
      },
      tls: { ca: tls.cert }
    })
  })

const started = makeApns({ tls, sender })

describe("the APNs stand-in", () => {
  pushSuite(
    "it",
    ["iOS"],
    Effect.gen(function* () {
      const standIn = yield* started
      return { standIn, gateway: yield* gatewayAt(standIn.url) }
    })
  )

  const session = (url: string) =>
    Effect.acquireRelease(
      Effect.sync(() => Http2.connect(url, { ca: tls.cert })),
      (session) => Effect.sync(() => session.destroy())
    )

  const ask = (
    session: Http2.ClientHttp2Session,
    headers: Http2.OutgoingHttpHeaders,
    body: string = JSON.stringify({ aps: {} })
  ) =>
    Effect.promise(async () => {
      const stream = session.request({ ...GOOD(), ...headers })
      stream.end(body)
      let status = 0
      stream.on("response", (answer) => {
        status = answer[":status"] ?? 0
      })
      let text = ""
      for await (const chunk of stream) text += chunk
      return [status, text === "" ? "" : JSON.parse(text).reason]
    })

  it.scopedLive("refuses what is wrong in itself, in Apple's words", () =>
    Effect.gen(function* () {
      const apns = yield* started
      const connection = yield* session(apns.url)
      const other = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({
        type: "pkcs8",
        format: "pem"
      }) as string
      const wrong: ReadonlyArray<readonly [Http2.OutgoingHttpHeaders, number, string]> = [
        [{ ":method": "PUT" }, 405, "MethodNotAllowed"],
        [{ ":path": "/3/device/" }, 404, "BadPath"],
        [{ ":path": "/3/device/%" }, 404, "BadPath"],
        [{ authorization: "" }, 403, "MissingProviderToken"],
        [{ authorization: "bearer a.b.c" }, 403, "InvalidProviderToken"],
        [{ authorization: bearer({ kid: "KEY2" }) }, 403, "InvalidProviderToken"],
        [{ authorization: bearer({ kid: "toString" }) }, 403, "InvalidProviderToken"],
        [{ authorization: bearer({ iss: "TEAM2" }) }, 403, "InvalidProviderToken"],
        [{ authorization: bearer({ key: other }) }, 403, "InvalidProviderToken"],
        [{ authorization: bearer({ age: 3_700 }) }, 403, "ExpiredProviderToken"],
        [{ "apns-topic": "" }, 400, "MissingTopic"],
        [{ "apns-push-type": "voip" }, 400, "InvalidPushType"],
        [{ "apns-push-type": "background" }, 400, "BadPriority"],
        [{ "apns-collapse-id": "x".repeat(65) }, 400, "BadCollapseId"],
        [{ "apns-expiration": "soon" }, 400, "BadExpirationDate"]
      ]
      for (const [headers, status, reason] of wrong)
        expect([headers, ...(yield* ask(connection, headers))]).toEqual([headers, status, reason])
      expect(yield* ask(connection, {}, "x".repeat(4097))).toEqual([413, "PayloadTooLarge"])
      expect(yield* ask(connection, {}, "not JSON")).toEqual([400, "PayloadEmpty"])
      expect(yield* ask(connection, {})).toEqual([200, ""])
      expect(apns.received()).toMatchObject([
        {
          deviceToken: "abc",
          deviceType: "iOS",
          payload: { aps: {} },
          options: { "apns-topic": "com.example.mail", "apns-push-type": "alert" }
        }
      ])
      expect(apns.requests().map(({ reason }) => reason)).toContain("BadCollapseId")
    })
  )

  it.scopedLive("knows no team if it is told none", () =>
    Effect.gen(function* () {
      const apns = yield* makeApns({ tls })
      const connection = yield* session(apns.url)
      expect(yield* ask(connection, { authorization: bearer({ iss: "TEAM2" }) })).toEqual([200, ""])
    })
  )
})

const bearer = ({ age = 0, iss = "TEAM1", key: by = key, kid = "KEY1" } = {}) => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url")
  const iat = Math.floor(Date.now() / 1000) - age
  const text = `${part({ alg: "ES256", kid })}.${part({ iat, iss })}`
  const signature = sign("sha256", Buffer.from(text), { key: by, dsaEncoding: "ieee-p1363" })
  return `bearer ${text}.${signature.toString("base64url")}`
}

const GOOD = () => ({
  ":method": "POST",
  ":path": "/3/device/abc",
  authorization: bearer(),
  "apns-topic": "com.example.mail",
  "apns-push-type": "alert",
  "apns-priority": "10",
  "apns-collapse-id": "id-1",
  "apns-expiration": "0"
})
