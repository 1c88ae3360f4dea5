import { randomBytes } from "node:crypto"
import { createServer } from "node:http"
import { type AddressInfo, connect } from "node:net"
import { connect as connectTls } from "node:tls"
import { expect, it } from "@effect/vitest"
import { Effect, Fiber, Schedule } from "effect"
import { call } from "../../src/sandbox/JsonClient.ts"
import { eventually, rehearse, within } from "../e2e/Rehearsal.ts"
import { describePeer } from "../peers/support/RealPeer.ts"
import { startProcess } from "../support/ServiceProcess.ts"
import {
  type Changes,
  HAPROXY_FILES,
  haproxy,
  type MakeProxy,
  NGINX_FILES,
  nginx
} from "./support/FrontProxy.ts"
import { silent } from "./support/SilentServer.ts"

/** The service behind the proxy, which is its public URL; Exchange and a phone know only that. */
const behind = (make: MakeProxy, changes: Changes = []) =>
  Effect.gen(function* () {
    const proxy = yield* make
    const baseUrl = `https://127.0.0.1:${proxy.port}/MailNotificationService/api/ens`
    const world = yield* rehearse({
      // A failed callback is repeated after 0.5, 1.5, 3.5, 7.5 … s.
      exchange: { minute: 1000, retry: "lenient", callbackCa: proxy.ca },
      settings: {
        ENS_PUBLIC_URL: baseUrl,
        ENS_STATUS_FREQUENCY_MINUTES: "60",
        ENS_HEARTBEAT_CHECK_MINUTES: "120"
      }
    })
    yield* proxy.start([["127.0.0.1:8080", `127.0.0.1:${world.installation.port}`], ...changes])
    const service = yield* startProcess(world.installation)
    const iphone = yield* world.phone("iOS", { baseUrl, ca: proxy.ca })
    expect(yield* iphone.register()).toMatchObject({ responseCode: 7 })
    const [subscription] = world.exchange.subscriptions()
    if (subscription === undefined) throw new Error("no subscription")
    const { searchParams } = new URL(subscription.url)
    const secrets = {
      f: (searchParams.get("f") ?? "").slice(0, 24),
      s: searchParams.get("s") ?? "",
      "the API token": world.apiToken,
      "the phone's token": iphone.token()
    }
    const told = (subject: string) =>
      Effect.gen(function* () {
        const item = yield* world.mail(subject)
        yield* eventually(() => world.about(iphone, item).length > 0, `the mail ${subject}`, 30)
        return item
      })
    /** Heartbeats of the test that were sent, and answers to them by status. */
    const counts: Record<string, number> = {}
    return { ...world, proxy, baseUrl, service, iphone, subscription, secrets, told, counts }
  })

type Behind = Effect.Effect.Success<ReturnType<typeof behind>>

/** Sends bytes over a connection of its own and waits until it is closed, or for as long (ms); answers the status line. */
const raw = ({ port, ca }: { readonly port: number; readonly ca: string | undefined }, text: string) =>
  Effect.promise(
    () =>
      new Promise<string>((resolve) => {
        const socket =
          ca === undefined ? connect(port, "127.0.0.1") : connectTls({ port, host: "127.0.0.1", ca })
        let answer = ""
        const done = () => {
          socket.destroy()
          resolve(answer.split("\r\n")[0] ?? "")
        }
        socket.on("data", (part: Buffer) => {
          answer += part.toString("latin1")
          if (answer.includes("\r\n\r\n")) done()
        })
        socket.on("error", done)
        socket.on("close", done)
        socket.setTimeout(3_000, done)
        socket.write(text)
      })
  )

const post = (target: string, length: number, body = "") =>
  `POST ${target} HTTP/1.1\r\nHost: ens.example.com\r\nContent-Type: text/xml\r\nContent-Length: ${length}\r\n\r\n${body}`

/** Everything that a proxy may be moved to complain about, with the whole callback URL each time. */
const troubles = (world: Behind) =>
  Effect.gen(function* () {
    const { iphone, proxy, service, subscription } = world
    const url = new URL(subscription.url)
    const target = url.pathname + url.search
    const answers: Record<string, string> = {
      "a body that ENS refuses": yield* raw(proxy, post(target, 300_000, "x".repeat(300_000))),
      "a body far too large": yield* raw(proxy, post(target, 50_000_000)),
      "a target that is too long": yield* raw(proxy, post(`${target}&x=${"y".repeat(40_000)}`, 0)),
      "a header that is too long": yield* raw(
        proxy,
        `POST ${target} HTTP/1.1\r\nHost: a\r\nX-Long: ${"y".repeat(80_000)}\r\n\r\n`
      ),
      "no host": yield* raw(proxy, `POST ${target} HTTP/1.1\r\nContent-Length: 0\r\n\r\n`),
      "a broken version": yield* raw(proxy, `POST ${target} HTTX/1.1\r\nHost: a\r\n\r\n`),
      "a blank in the target": yield* raw(proxy, `POST ${target} b HTTP/1.1\r\nHost: a\r\n\r\n`),
      "a broken header": yield* raw(proxy, `POST ${target} HTTP/1.1\r\nHost: a\r\nb@d : c\r\n : x\r\n\r\n`),
      "two lengths": yield* raw(
        proxy,
        `POST ${target} HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc`
      ),
      "the absolute form": yield* raw(proxy, post(`https://ens.example.com${target}`, 0)),
      "another path": yield* raw(proxy, post(`/elsewhere${url.search}`, 0)),
      "no TLS": yield* raw({ port: proxy.port, ca: undefined }, post(target, 0)),
      "a body that never comes": yield* raw(proxy, post(target, 100, "<"))
    }
    yield* service.kill
    answers["nobody behind it"] = yield* raw(proxy, post(target, 0))
    yield* Effect.ignore(Effect.timeout(iphone.status, "1 second"))
    return answers
  })

/** Sends heartbeats for as long as it is let, as many Exchange servers would, and counts the answers. */
const beating = ({ counts, proxy, subscription }: Behind) =>
  Effect.sync(() => {
    counts["sent"] = (counts["sent"] ?? 0) + 1
    const answered = (status: string) => {
      counts[status] = (counts[status] ?? 0) + 1
    }
    void call(subscription.url, {
      method: "POST",
      headers: { "Content-Type": "text/xml; charset=utf-8" },
      body: statusEvent(subscription.id),
      timeout: 120_000,
      ca: proxy.ca
    }).then(
      ({ status }) => answered(`${status}`),
      (error: Error) => answered(error.message)
    )
  }).pipe(Effect.repeat(Schedule.spaced("50 millis")))

const answersIn = ({ sent: _, ...answers }: Record<string, number>): number =>
  Object.values(answers).reduce((sum, count) => sum + count, 0)

const statusEvent = (id: string) =>
  `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><m:SendNotification xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><m:ResponseMessages><m:SendNotificationResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode><m:Notification><t:SubscriptionId>${id}</t:SubscriptionId><t:MoreEvents>false</t:MoreEvents><t:StatusEvent><t:Watermark>AQAAAA==</t:Watermark></t:StatusEvent></m:Notification></m:SendNotificationResponseMessage></m:ResponseMessages></m:SendNotification></s:Body></s:Envelope>`

/** What came of each try to tell of this mail. */
const outcomesOf = ({ exchange }: Behind, item: string): ReadonlyArray<string> =>
  exchange
    .deliveries()
    .filter(({ itemIds }) => itemIds.includes(item))
    .map(({ outcome }) => outcome)

/** Lines of HAProxy's log where it answered itself, or gave up: two letters tell it, `--` is an answer of ENS as it came. */
const refusalsOfHaproxy = (log: string): ReadonlyArray<string> => {
  const lines = log.split("\n").filter((line) => /pushnotificationlistener$/.test(line))
  expect(lines.length).toBeGreaterThan(10)
  return lines.filter((line) => !/ -- retries=/.test(line))
}

/** Nothing secret stands in what the proxy wrote; and it wrote something. */
const isDiscreet = ({
  proxy,
  secrets,
  subscription
}: Pick<Behind, "proxy"> & {
  readonly secrets: Readonly<Record<string, string>>
  readonly subscription: { readonly url: string }
}) =>
  Effect.gen(function* () {
    const path = new URL(subscription.url).pathname
    yield* eventually(() => proxy.logs().includes(path), "a line of the access log")
    const written = proxy.logs()
    for (const [what, secret] of Object.entries(secrets)) {
      expect(secret.length, what).toBeGreaterThan(15)
      expect(written.includes(secret), `${what} in:\n${written}`).toBe(false)
      // Escaped, or cut off somewhere.
      expect(written.includes(secret.slice(0, 12)), `${what} in:\n${written}`).toBe(false)
    }
    expect(written).not.toMatch(/[?&](f|s|id)=/)
  })

/** Secrets where no service is behind the proxy that could make real ones. */
const madeUp = () => {
  const secret = (bytes: number) => randomBytes(bytes).toString("base64url")
  return { f: secret(600), s: secret(24), "the API token": `ens_${secret(24)}` }
}

/** A server that now and then closes a kept connection just as a request comes on it, as every server may. */
const closesKept = Effect.acquireRelease(
  Effect.async<{ readonly port: number; readonly closed: () => number; readonly close: () => void }>(
    (resume) => {
      let [closed, requests] = [0, 0]
      const server = createServer((request, response) => {
        requests++
        if (requests % 3 !== 2) return void request.resume().on("end", () => response.end("OK"))
        closed++
        request.socket.destroy()
      })
      server.listen(0, "127.0.0.1", () =>
        resume(
          Effect.succeed({
            port: (server.address() as AddressInfo).port,
            closed: () => closed,
            close: () => {
              server.close()
              server.closeAllConnections()
            }
          })
        )
      )
    }
  ),
  ({ close }) => Effect.sync(close)
)

const proxies = [
  {
    name: "nginx",
    files: NGINX_FILES,
    make: nginx,
    patience: "proxy_read_timeout 40s",
    file: "ens.conf",
    waits: false
  },
  {
    name: "HAProxy",
    files: HAPROXY_FILES,
    make: haproxy(),
    patience: "timeout server 40s",
    file: "haproxy.cfg",
    waits: true
  }
] as const

for (const { file, files, make, name, patience, waits } of proxies) {
  describePeer(`${name} with the file that is shipped`, files, () => {
    it.scopedLive(
      "brings registrations and mails through, and has no callback URL and no token in any log",
      () =>
        Effect.gen(function* () {
          const world = yield* behind(make)
          yield* world.told("One")
          const big = yield* world.iphone.register({ fields: { unknown: "x".repeat(200_000) } })
          expect(big.status).toBe(200)
          expect(
            (yield* world.iphone.register({ fields: { unknown: "x".repeat(270_000) } })).responseCode
          ).toBe(32)
          for (const hidden of ["/readyz", "/metrics", "/console", "/healthz"]) {
            const { status } = yield* Effect.promise(() =>
              call(`https://127.0.0.1:${world.proxy.port}${hidden}`, {
                method: "GET",
                timeout: 5_000,
                ca: world.proxy.ca
              })
            )
            expect([hidden, status]).toEqual([hidden, 404])
          }
          const answers = yield* troubles(world)
          expect(answers["a body that ENS refuses"]).toContain(" 413 ")
          expect(answers["a body far too large"]).toContain(" 413 ")
          expect(answers["a target that is too long"]).toMatch(/ (414|400) /)
          expect(answers["another path"]).toContain(" 404 ")
          expect(answers["nobody behind it"]).toMatch(/ 503 |^$/)
          yield* isDiscreet(world)
        }),
      240_000
    )

    it.scopedLive(
      "tells who waits for nothing to try again, and keeps the URL to itself",
      () =>
        Effect.gen(function* () {
          const dead = yield* silent
          const proxy = yield* make
          yield* proxy.start([
            ["127.0.0.1:8080", `127.0.0.1:${dead}`],
            [patience, patience.replace("40s", "1s")]
          ])
          const secrets = madeUp()
          const url = `https://127.0.0.1:${proxy.port}/api/ens/pushnotificationlistener?id=1&f=${secrets.f}&s=${secrets.s}`
          const { status, text } = yield* Effect.promise(() =>
            call(url, {
              method: "POST",
              headers: { ENSAPIToken: secrets["the API token"] },
              body: "<x/>",
              timeout: 10_000,
              ca: proxy.ca
            })
          )
          expect([503, 504]).toContain(status)
          expect(JSON.parse(text)).toMatchObject({ responseCode: 4, retryAfterSeconds: 10 })
          yield* isDiscreet({ proxy, secrets, subscription: { url } })
        }),
      120_000
    )

    it.scopedLive(
      `${file}: a restart of the service loses no mail`,
      () =>
        Effect.gen(function* () {
          // 20 s are for a machine that starts ENS in 2; one that is busy with other tests takes longer.
          const patient: Changes = waits
            ? [
                ["retries 20", "retries 100"],
                ["timeout client 60s", "timeout client 200s"]
              ]
            : []
          const world = yield* behind(make, patient)
          yield* world.told("Before")
          const { exchange, installation, mail, service } = world
          const heartbeats = yield* Effect.fork(beating(world))
          yield* Effect.sleep("300 millis")
          yield* service.signal("SIGTERM")
          yield* within(service.ended, "the end", 15)
          const item = yield* mail("In between")
          yield* Effect.sleep("1 second")
          const whileClosing = world.counts["503"]
          yield* startProcess(installation)
          yield* eventually(() => outcomesOf(world, item).includes("OK"), "OK for the mail in between", 120)
          yield* eventually(() => world.about(world.iphone, item).length === 1, "the mail in between")
          yield* Fiber.interrupt(heartbeats)
          const { counts } = world
          yield* eventually(() => answersIn(counts) === counts["sent"], "an answer to each heartbeat", 120)
          const tries = outcomesOf(world, item)
          console.log(
            `${name}: heartbeats during a restart: ${JSON.stringify(counts)}; the mail: ${tries.join(", ")}`
          )
          // Whoever calls meanwhile has an answer, and one that Exchange takes for "again later".
          expect(Object.keys(counts).filter((status) => !["sent", "200", "503"].includes(status))).toEqual([])
          expect(exchange.subscriptions()[0]?.state).toBe("Active")
          if (waits) {
            expect(tries).toEqual(["OK"])
            expect(refusalsOfHaproxy(world.proxy.logs())).toEqual([])
            // ENS itself refuses what is on its way while it closes, and nothing after that.
            expect(counts["503"]).toBe(whileClosing)
          }
        }),
      240_000
    )

    it.scopedLive("asks again when ENS closes a connection just as it is used", () =>
      Effect.gen(function* () {
        const server = yield* closesKept
        const proxy = yield* make
        yield* proxy.start([["127.0.0.1:8080", `127.0.0.1:${server.port}`]])
        for (let i = 0; i < 4; i++) {
          const { status } = yield* Effect.promise(() =>
            call(`https://127.0.0.1:${proxy.port}/api/ens/pushnotificationlistener?id=1`, {
              method: "POST",
              body: "<x/>",
              timeout: 10_000,
              ca: proxy.ca
            })
          )
          expect(status).toBe(200)
        }
        expect(server.closed()).toBeGreaterThan(1)
      })
    )
  })
}
