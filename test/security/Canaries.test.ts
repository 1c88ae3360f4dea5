import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import md4 from "js-md4"
import { hashApiToken } from "../../layers/crypto/ApiTokenSecret.ts"
import * as SqliteStorage from "../../layers/storage/SqliteStorage.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import { certificateIn } from "../../src/sandbox/CertificateFolder.ts"
import type { DeviceLogin } from "../../src/sandbox/DevicePayload.ts"
import { makeExchange } from "../../src/sandbox/Exchange.ts"
import { eventually, rehearse, within } from "../e2e/Rehearsal.ts"
import * as CollectorStub from "../support/CollectorStub.ts"
import { ensProcess } from "../support/EnsProcess.ts"
import { startProcess } from "../support/ServiceProcess.ts"
import { temporaryDirectory } from "../support/TemporaryDirectory.ts"
import { callBack, makeClient, post, UNLIMITED, userIdOf } from "./Attack.ts"
import { canary, given, pkcs12 } from "./Canary.ts"
import { filesIn, secretsIn } from "./Loot.ts"

/** Where something could come to light; each has something in it that proves it was looked at. */
interface Sink {
  readonly bytes: ReadonlyArray<Uint8Array>
  readonly control: string
  /** What it is made to hold. */
  readonly except?: ReadonlyArray<string>
}

/** Throws with a secret in its hands, when told to. The source, which the place names, has it backwards. */
const crashesOnSignal = (secret: string) => {
  const backwards = [...secret].reverse().join("")
  const code = `process.on("SIGUSR2",()=>{const e=new Error([..."${backwards}"].reverse().join(""));e.config={auth:e.message};throw e})`
  return ["--import", `data:text/javascript,${encodeURIComponent(code)}`]
}

// At once, because each waits some seconds for a gateway that failed.
describe.concurrent("a service whose secrets are all canaries", () => {
  it.scopedLive.each([
    ["json", "SIGTERM", ["basic", "bearer"]],
    ["ens2", "crash", ["ntlm"]],
    ["pretty", "SIGTERM", ["basic", "bearer"]]
  ] as const)(
    "shows none of them at level trace, in format %s, to the end by %s",
    ([format, end, offers]) =>
      Effect.gen(function* () {
        const collector = yield* CollectorStub.make
        const alice = {
          address: `${canary("alice")}@${canary("wonder").toLowerCase()}.example`,
          password: canary("Password")
        }
        const masterKey = Buffer.from(canary("Master")).subarray(0, 24).toString("base64")
        const master = Buffer.from(`${masterKey}`)
        const secret = {
          proxy: canary("Proxy"),
          collector: canary("Collector"),
          admin: `ensadm-${canary("Admin")}`,
          noAdmin: canary("NotAdmin"),
          noToken: canary("NoToken"),
          wrong: canary("Wrong"),
          subject: canary("Subject"),
          sender: canary("Sender"),
          from: canary("from"),
          body: canary("Body"),
          f: canary("Filler"),
          s: canary("Mac"),
          rubbish: canary("Rubbish"),
          crash: canary("Crash"),
          certificatePassword: canary("Pfx"),
          pkcs12Password: canary("Pkcs"),
          accessToken: canary("AccessToken"),
          carol: canary("carol")
        }
        const audit = join(yield* temporaryDirectory, "audit.log")
        const files = yield* temporaryDirectory
        const identity = pkcs12(files, secret.pkcs12Password)
        const carol = {
          address: `${secret.carol}@wonderland.example`,
          password: canary("Carol"),
          tokens: [secret.accessToken]
        }
        // NTLM is used over https only.
        const tls = yield* certificateIn(yield* temporaryDirectory, ["127.0.0.1"])
        const byNtlm = offers.some((offer) => offer === "ntlm")
        const all = yield* rehearse({
          exchange: { mailboxes: [alice, carol], offers: [...offers], ...(byNtlm ? { tls } : {}) },
          settings: {
            ...UNLIMITED,
            ENS_LOG_FORMAT: format,
            ENS_AUDIT_FILE: audit,
            // 32 bytes, as the setting wants them.
            ENS_MASTER_KEY: master.toString("base64"),
            ...given(byNtlm ? files : undefined, {
              ENS_EWS_PROXY_URL: `http://someone:${secret.proxy}@127.0.0.1:9`,
              OTEL_EXPORTER_OTLP_HEADERS: `authorization=${secret.collector}`
            }),
            ENS_EWS_PROXY_BYPASS: "127.0.0.1",
            ...(byNtlm ? { ENS_EWS_CA_FILE: tls.certFile } : {}),
            OTEL_EXPORTER_OTLP_ENDPOINT: collector.url
          }
        })
        const { about, apiToken, cns, exchange, installation, phone } = all
        // Nobody trusts its certificate.
        const strange = yield* makeExchange({
          mailboxes: [alice],
          tls: yield* certificateIn(yield* temporaryDirectory, ["127.0.0.1"])
        })
        const strangeToken = yield* installation.createToken(strange.url, "strange")
        yield* Effect.flatMap(Storage, (storage) =>
          storage.createAdminToken({ label: "test", hash: hashApiToken(secret.admin), createdAt: 0 })
        ).pipe(Effect.provide(SqliteStorage.layer(installation.database)))
        const service = yield* startProcess(installation, crashesOnSignal(secret.crash), 40)
        const answers: Array<string> = []
        const told = <A extends { readonly text: string }, E>(effect: Effect.Effect<A, E>) =>
          Effect.tap(effect, ({ text }) => void answers.push(text))

        // Registrations, good and bad.
        const iphone = yield* phone("iOS", { user: alice, policy: 0 })
        expect((yield* iphone.register()).responseCode).toBe(7)
        const client = makeClient(installation, apiToken)
        const log = { emailAddress: alice.address, username: alice.address }
        yield* told(client.register(iphone.userId, iphone.token(), { ...log, password: secret.wrong }))
        yield* told(
          client.register(
            iphone.userId,
            iphone.token(),
            {
              ...log,
              certificate: Buffer.from(secret.rubbish).toString("base64"),
              certificatePassword: secret.certificatePassword
            },
            { authType: "Certificate", forceSubscription: true }
          )
        )
        const withCertificate = { certificate: identity.base64, certificatePassword: secret.pkcs12Password }
        for (const certificatePassword of [secret.pkcs12Password, secret.certificatePassword])
          yield* told(
            client.register(
              iphone.userId,
              iphone.token(),
              { ...log, ...withCertificate, certificatePassword },
              { authType: "Certificate", forceSubscription: true }
            )
          )
        const untrusted = yield* told(
          makeClient(installation, strangeToken).register(iphone.userId, iphone.token(), {
            ...log,
            password: alice.password
          })
        )
        expect(untrusted.code).toBe(14)
        expect(installation.log() + service.output()).toMatch(/certificate/)
        const carols = userIdOf(carol.address)
        const carolRegisters = (login: DeviceLogin, authType: string) =>
          told(
            client.register(
              carols,
              `${iphone.token()}-carol`,
              { emailAddress: carol.address, ...login },
              { authType }
            )
          )
        const bearer = { accessToken: secret.accessToken }
        const basic = { username: carol.address, password: carol.password }
        const byToken = offers.some((offer) => offer === "bearer")
        expect((yield* byToken ? carolRegisters(bearer, "OAuth") : carolRegisters(basic, "Basic")).code).toBe(
          7
        )
        yield* told(carolRegisters({ ...bearer, ...withCertificate }, "Dual"))

        // Storage fails, with the log-ins in hand.
        const database = new DatabaseSync(installation.database, { timeout: 10_000 })
        database.exec("ALTER TABLE devices RENAME TO lost")
        const kept = yield* byToken ? carolRegisters(bearer, "OAuth") : carolRegisters(basic, "Basic")
        expect([8, 15]).toContain(kept.code)
        database.exec("ALTER TABLE lost RENAME TO devices")
        database.close()
        for (const payload of [
          secret.rubbish,
          Buffer.from(secret.rubbish).toString("base64"),
          { a: secret.rubbish }
        ])
          yield* told(
            client.send("registerdevicev2", {
              userId: iphone.userId,
              deviceToken: iphone.token(),
              deviceType: "iOS",
              bundleId: "com.boxer.email",
              authType: "Basic",
              payload
            })
          )
        yield* told(
          client.send("registerdevicev2", `{"userId":"${alice.address}","payload":"${secret.rubbish}`)
        )
        yield* told(client.send("getpublickey", { userId: alice.address, password: alice.password }))
        yield* told(
          client.send("registerdevicev2", {
            userId: iphone.userId,
            ewsUrl: `https://${alice.address}:${alice.password}@elsewhere.example/`
          })
        )
        yield* told(makeClient(installation, secret.noToken).send("unregister", { userId: iphone.userId }))

        // Callbacks, good, forged and broken.
        const mail = () =>
          exchange.deliver({
            to: alice.address,
            from: `${secret.from}@elsewhere.example`,
            fromName: secret.sender,
            subject: secret.subject,
            body: secret.body
          })
        const item = yield* mail()
        yield* within(
          cns.until(() => about(iphone, item).length === 1),
          "the mail",
          20
        )
        const subscription = exchange.subscriptions()[0]
        const url = new URL(subscription?.url ?? "")
        const parts = { f: url.searchParams.get("f") ?? "", s: url.searchParams.get("s") ?? "" }
        const forged = new URL(url)
        forged.searchParams.set("f", secret.f)
        forged.searchParams.set("s", secret.s)
        yield* told(callBack(forged.href, secret.subject, "none"))
        yield* told(post(url.href, `<${secret.subject}/>${secret.sender}`, { "content-type": "text/xml" }))
        yield* told(post(url.href, `{"${secret.subject}`, { "content-type": "text/xml" }))

        // Exchange and gateway fail in every way, while there is mail.
        for (const fault of [
          { kind: "status", status: 500 },
          { kind: "page" },
          { kind: "cut" },
          { kind: "error", responseCode: "ErrorInternalServerError" }
        ] as const)
          yield* exchange.addFault({ ...fault, operation: "GetItem", times: 1 })
        yield* cns.addFault({ kind: "status", status: 500, times: 1 })
        const second = yield* mail()
        yield* within(
          cns.until(() => about(iphone, second).length > 0),
          "the mail in trouble",
          20
        )
        yield* exchange.clearFaults
        const carolsMail = (what: string) =>
          Effect.gen(function* () {
            const mailed = yield* exchange.deliver({
              to: carol.address,
              from: `${secret.from}@elsewhere.example`,
              fromName: secret.sender,
              subject: secret.subject,
              body: secret.body
            })
            yield* within(
              cns.until(() => cns.received().some(({ payload }) => JSON.stringify(payload).includes(mailed))),
              what,
              20
            )
          })
        yield* carolsMail("the mail of one with an access token")
        yield* exchange.setTokens(carol.address, [])
        yield* exchange.setPassword(carol.address, canary("Other"))
        yield* carolsMail("the mail after the access token ended")
        yield* exchange.setPassword(alice.address, canary("Changed"))
        const third = yield* mail()
        yield* within(
          cns.until(() => about(iphone, third).length > 0),
          "the mail after the password changed",
          20
        )

        // The console, good and bad.
        const origin = { origin: installation.adminUrl }
        const signIn = (token: string) =>
          Effect.promise(async () => {
            const response = await fetch(`${installation.adminUrl}/console/api/session`, {
              method: "POST",
              headers: { "content-type": "application/json", ...origin },
              body: JSON.stringify({ token })
            })
            const text = await response.text()
            return { response, text }
          })
        const refused = yield* signIn(secret.noAdmin)
        expect(refused.response.status).toBe(401)
        const session = yield* signIn(secret.admin)
        expect(session.response.status).toBe(200)
        const cookie = session.response.headers.get("set-cookie")?.split(";")[0] ?? ""
        const got = (path: string) =>
          Effect.promise(async () => {
            const response = await fetch(`${installation.adminUrl}${path}`, {
              headers: { cookie, ...origin }
            })
            return `${response.status} ${await response.text()}`
          })
        const pages = yield* Effect.forEach(
          [
            "/console",
            ...["overview", "series", `users/${iphone.userId}`, "tokens", "certificates", "audits"].map(
              (name) => `/console/api/${name}`
            )
          ],
          got
        )
        const metrics = yield* got("/metrics")

        // Commands beside the service.
        const environment = { ...installation.environment, ENS_LOG_FILE: "" }
        const commands =
          format === "json"
            ? yield* Effect.forEach(
                [["user", alice.address, "--json"], ["config"], ["doctor", "--json"]],
                (args) => ensProcess(args, "", environment),
                { concurrency: "unbounded" }
              )
            : []

        // The end.
        if (end === "crash") yield* service.signal("SIGUSR2")
        else yield* service.signal("SIGTERM")
        const code = yield* within(service.ended, "the end", 20)
        expect(code).toBe(end === "crash" ? 70 : 0)
        if (end !== "crash")
          yield* eventually(() => collector.spans().length > 0 && collector.logs().length > 0, "the traces")

        const nt = Buffer.from(md4.arrayBuffer(Buffer.from(alice.password, "utf16le"))).toString("latin1")
        const secrets: Readonly<Record<string, string>> = {
          ...secret,
          address: alice.address.split("@")[0] ?? "",
          domain: alice.address.split("@")[1]?.split(".")[0] ?? "",
          password: alice.password,
          "carol's password": carol.password,
          "a part of the PKCS#12": identity.base64.slice(400, 460),
          "a part of the private key": identity.key.split("\n")[4] ?? "",
          "the strange token": strangeToken,
          "master key": master.toString("utf8").slice(0, 24),
          "api token": apiToken,
          f: parts.f.slice(20, 80),
          "forged f": secret.f,
          s: parts.s,
          "forged s": secret.s,
          cookie: cookie.split("=")[1] ?? "",
          "NT hash": nt,
          "an item id": item.slice(-40)
        }
        const text = (...parts: ReadonlyArray<string>) => parts.map((part) => Buffer.from(part))
        const devices = { "device token": iphone.token() }
        const sinks: Readonly<Record<string, Sink>> = {
          log: { bytes: text(installation.log(), service.output()), control: iphone.userId },
          audit: { bytes: text(existsSync(audit) ? readFileSync(audit, "utf8") : ""), control: "console" },
          answers: {
            bytes: text(...answers, refused.text),
            control: "errorMessage"
          },
          metrics: { bytes: text(metrics), control: "ens_" },
          console: { bytes: text(...pages), control: iphone.userId },
          "data directory": {
            bytes: filesIn(installation.directory),
            control: iphone.token(),
            except: ["device token", ...(end === "crash" ? ["an item id"] : [])]
          },
          ...(end === "crash"
            ? {}
            : {
                collector: {
                  bytes: text(...collector.requests.map(({ body }) => body)),
                  control: iphone.userId
                }
              }),
          ...(commands.length === 0
            ? {}
            : {
                commands: {
                  bytes: text(...commands.flatMap(({ err, out }) => [out, err])),
                  control: iphone.userId
                }
              })
        }
        for (const [name, { bytes, control, except = [] }] of Object.entries(sinks)) {
          expect(secretsIn(bytes, { control }), `the control in ${name}`).toEqual(["control"])
          const found = secretsIn(bytes, { ...secrets, ...devices }).filter((one) => !except.includes(one))
          expect(found, name).toEqual([])
          // Whatever had come there would have been found.
          const planted = bytes.map((some, n) =>
            n === 0 ? Buffer.concat([some, Buffer.from(secret.subject)]) : some
          )
          expect(secretsIn(planted, secrets), `planted in ${name}`).toEqual(["subject"])
        }
        expect(
          readdirSync(installation.directory).filter((name) => /^(core|report|Heap)/i.test(name))
        ).toEqual([])
      }),
    { timeout: 120_000 }
  )
})
