import { generateKeyPairSync } from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import * as Http from "node:http"
import * as Http2 from "node:http2"
import * as Https from "node:https"
import type { AddressInfo, Server } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { selfMade } from "../../src/sandbox/SelfMadeCertificate.ts"
import { ACCOUNT_FILE, KEY_FILE, type PushServerReady, type PushService } from "./PushLoad.ts"

/** A push service that takes everything, with answers made beforehand. The argument says which. */
const service = process.argv[2] as PushService
const folder = mkdtempSync(join(tmpdir(), "ens-bench-"))
const { cert, key } = selfMade(["127.0.0.1", "localhost", "fcm.googleapis.com"], 1)

const answering =
  (type: string, answerOf: (request: Http.IncomingMessage) => string): Http.RequestListener =>
  (request, response) => {
    const answer = answerOf(request)
    request.resume().on("end", () => {
      response.writeHead(200, { "content-type": type, "content-length": Buffer.byteLength(answer) })
      response.end(answer)
    })
  }

const PUBLISHED = [
  '<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult>',
  "<MessageId>94f20ce6-13c5-43a0-9a9e-ca52d816e90b</MessageId></PublishResult><ResponseMetadata>",
  "<RequestId>f187a3c1-376f-11df-8963-01868b7c937a</RequestId></ResponseMetadata></PublishResponse>"
].join("")

const apns = (): Server => {
  const server = Http2.createSecureServer({ cert, key })
  server.on("stream", (stream) => {
    stream.resume().on("end", () => stream.respond({ ":status": 200 }, { endStream: true }))
  })
  return server
}

const servers: Partial<Record<PushService, () => Server>> = {
  cns: () =>
    Http.createServer(answering("application/json", () => '{"status":"success","errorReason":null}')),
  sns: () => Http.createServer(answering("text/xml", () => PUBLISHED)),
  fcm: () =>
    Https.createServer(
      { cert, key },
      answering("application/json", ({ url }) =>
        url === "/token"
          ? '{"access_token":"a-token-of-the-usual-length","expires_in":3599,"token_type":"Bearer"}'
          : '{"name":"projects/bench/messages/0:1500415314455276%31bd1c9631bd1c96"}'
      )
    ),
  apns
}

const ready = (port: number): void => {
  const apnsKey = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey
  writeFileSync(join(folder, KEY_FILE), apnsKey.export({ type: "pkcs8", format: "pem" }))
  const account = {
    type: "service_account",
    project_id: "bench",
    client_email: "bench@bench.iam.gserviceaccount.com",
    private_key: key,
    token_uri: `https://127.0.0.1:${port}/token`
  }
  writeFileSync(join(folder, ACCOUNT_FILE), JSON.stringify(account))
  process.send?.({ port, ca: cert, folder } satisfies PushServerReady)
}

const server = servers[service]?.()
if (server === undefined) ready(0)
else server.listen(0, "127.0.0.1", () => ready((server.address() as AddressInfo).port))
process.on("disconnect", () => {
  rmSync(folder, { recursive: true, force: true })
  process.exit()
})
