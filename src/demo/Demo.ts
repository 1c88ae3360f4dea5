import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Clock, Console, Effect, Layer, Logger, LogLevel, Redacted, Runtime, Schedule, Schema } from "effect"
import { hashApiToken, makeApiToken } from "../../layers/crypto/ApiTokenSecret.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import * as Config from "../Config.ts"
import * as Service from "../Service.ts"
import { type CnsStandIn, makeCns, type TakenNotification } from "../sandbox/Cns.ts"
import { type DeviceStandIn, makeDevice, renderShown, show } from "../sandbox/Device.ts"
import { type ExchangeStandIn, makeExchange } from "../sandbox/Exchange.ts"
import { freePorts } from "./FreePorts.ts"

/** Something that the demo shows did not happen; the text says what. */
export class DemoFailed extends Schema.TaggedError<DemoFailed>()("DemoFailed", { step: Schema.String }) {
  override get message() {
    return `the demo did not come to its end: ${this.step}`
  }
}

const ADDRESS = "alice@example.com"
const PASSWORD = "correct horse battery staple"
/** Exchange's minute takes so many milliseconds here, and it sends a heartbeat every minute: one can watch it being missed. */
const MINUTE = 900
/** Milliseconds that each step may take. */
const PATIENCE = 8_000

const MAILS = [
  { from: "bob@example.com", fromName: "Bob Baker", subject: "Lunch?", body: "At noon, the usual place." },
  {
    from: "carol@example.com",
    fromName: "Carol Čapek",
    subject: "Schnürsenkel 🎉",
    body: "They have arrived."
  },
  { from: "dave@example.com", fromName: "Dave", subject: "Minutes of the meeting", body: "See below." }
]

/**
 * The whole loop on this machine: the service, an Exchange that calls it back, a CNS that takes its pushes, and two
 * phones. Real HTTP, SOAP, RSA and SQL; only the clock is shortened.
 */
export const demo = Effect.gen(function* () {
  const exchange = yield* makeExchange({
    minute: MINUTE,
    mailboxes: [{ address: ADDRESS, password: PASSWORD }]
  })
  const cns = yield* makeCns()
  const service = yield* startService(exchange, cns)
  yield* Console.log(`service   ${service.url}\nExchange  ${exchange.url}\nCNS       ${cns.url}\n`)

  const phones = yield* Effect.forEach(["iOS", "Android"] as const, (platform) =>
    makeDevice({
      baseUrl: service.url,
      apiToken: service.token,
      address: ADDRESS,
      login: { username: ADDRESS, password: PASSWORD },
      platform,
      ewsUrl: exchange.url
    })
  )
  const [iphone, android] = phones
  const screen = yield* watchScreens(cns, phones)
  for (const phone of phones) {
    const answer = yield* phone.register()
    yield* Console.log(`${label(phone)} registers: code ${answer.responseCode}`)
    yield* expect(answer.responseCode === (phone === iphone ? 7 : 6), "a phone could not register")
  }
  if (iphone === undefined || android === undefined) return yield* new DemoFailed({ step: "no phones" })

  yield* Console.log("\nThree mails arrive; each phone shows sender and subject, iOS a badge:")
  const itemIds: Array<string> = []
  for (const mail of MAILS) {
    const sent = screen.count()
    const at = performance.now()
    itemIds.push(yield* exchange.deliver({ to: ADDRESS, ...mail }))
    yield* screen.until(sent + phones.length, `the mail "${mail.subject}" did not reach both phones`)
    yield* screen.print(sent, at)
  }

  yield* Console.log("\nOne is read elsewhere; only the badge changes, and only on iOS:")
  const beforeRead = screen.count()
  const readAt = performance.now()
  yield* exchange.markRead(ADDRESS, itemIds[0] ?? "")
  yield* screen.until(beforeRead + 1, "the badge did not change")
  yield* screen.print(beforeRead, readAt)
  yield* expect(iphone.badge() === 2, "the badge is wrong")

  yield* Console.log(
    "\nExchange falls silent; after two missed heartbeats a silent push asks the apps to register:"
  )
  const beforeSilence = screen.count()
  const silentAt = performance.now()
  const subscriptionsBefore = exchange.subscriptions().length
  yield* exchange.stopHeartbeat(ADDRESS)
  yield* screen.until(beforeSilence + phones.length, "no silent push came")
  yield* screen.print(beforeSilence, silentAt)
  yield* exchange.resumeHeartbeat(ADDRESS)
  yield* Effect.sleep("500 millis")
  const state = yield* iphone.status
  yield* Console.log(`${label(iphone)} registered again: ${state["state"]}`)
  yield* expect(exchange.subscriptions().length > subscriptionsBefore, "no phone registered again")

  const beforeLast = screen.count()
  const lastAt = performance.now()
  yield* exchange.deliver({ to: ADDRESS, ...MAILS[0]!, subject: "You are back" })
  yield* screen.until(beforeLast + phones.length, "the mail after the new registration was lost")
  yield* screen.print(beforeLast, lastAt)
  yield* Console.log("\nDone. Next: README.md, or npm start")
}).pipe(Effect.scoped)

/** What the phones show, in the order in which CNS took it. */
const watchScreens = Effect.fnUntraced(function* (cns: CnsStandIn, phones: ReadonlyArray<DeviceStandIn>) {
  const seen: Array<{ readonly at: number; readonly line: string }> = []
  const run = Runtime.runFork(yield* Effect.runtime<never>())
  const stop = cns.onNotification((taken: TakenNotification) => {
    const at = performance.now()
    const phone = phones.find((one) => one.token() === taken.deviceToken)
    if (phone === undefined) return
    const line = `${label(phone)}  ${renderShown(show(phone.platform, taken.payload))}`
    seen.push({ at, line })
    run(Effect.ignore(phone.receive(taken.payload)))
  })
  yield* Effect.addFinalizer(() => Effect.sync(stop))
  return {
    count: () => seen.length,
    until: (count: number, step: string) =>
      Effect.suspend(() => (seen.length >= count ? Effect.void : Effect.fail("not yet" as const))).pipe(
        Effect.retry(Schedule.spaced("5 millis")),
        Effect.timeoutFail({ duration: PATIENCE, onTimeout: () => new DemoFailed({ step }) }),
        Effect.catchAll((error) => (error instanceof DemoFailed ? Effect.fail(error) : Effect.die(error)))
      ),
    print: (from: number, since: number) =>
      Effect.forEach(
        seen.slice(from),
        ({ at, line }) => Console.log(`  ${String(Math.round(at - since)).padStart(5)} ms  ${line}`),
        { discard: true }
      )
  }
})

const startService = Effect.fnUntraced(function* (exchange: ExchangeStandIn, cns: CnsStandIn) {
  const directory = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "ens-demo-"))),
    (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
  )
  const [port, adminPort] = yield* freePorts(2)
  const environment = {
    ENS_PORT: String(port),
    ENS_ADMIN_PORT: String(adminPort),
    ENS_DATA_DIR: directory,
    ENS_PUSH: "cns",
    ENS_CNS_URL: cns.url,
    ENS_STATUS_FREQUENCY_MINUTES: String(MINUTE / 60_000),
    ENS_HEARTBEAT_CHECK_MINUTES: String((2 * MINUTE) / 60_000),
    // A pool of 500 keys would only keep the processor busy.
    ENS_KEYPOOL_BATCH: "2",
    ENS_KEYPOOL_THRESHOLD: "1"
  }
  const context = yield* Layer.build(
    Service.layer.pipe(
      Layer.provide(Config.layer({ environment })),
      Layer.provide(Logger.minimumLogLevel(LogLevel.Error))
    )
  )
  const { token } = yield* Effect.provide(makeToken(exchange.url), context)
  return { url: `http://127.0.0.1:${port}/MailNotificationService/api/ens`, token }
})

const makeToken = (ewsUrl: string) =>
  Effect.gen(function* () {
    const token = Redacted.value(yield* makeApiToken)
    yield* (yield* Storage).createToken({
      tenant: "default",
      label: "demo",
      hash: hashApiToken(token),
      ewsUrls: [ewsUrl],
      ewsPins: [],
      seg: false,
      createdAt: yield* Clock.currentTimeMillis
    })
    return { token }
  })

const label = (phone: DeviceStandIn): string => (phone.platform === "iOS" ? "iPhone " : "Android")

const expect = (holds: boolean, step: string) => (holds ? Effect.void : Effect.fail(new DemoFailed({ step })))
