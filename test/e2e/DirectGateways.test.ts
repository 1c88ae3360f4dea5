import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Schema, type Scope } from "effect"
import type { Platform } from "../../schemas/Push.ts"
import { certificateIn } from "../../src/sandbox/CertificateFolder.ts"
import { CnsNotification } from "../../src/sandbox/CnsMessage.ts"
import { makeDevice, show } from "../../src/sandbox/Device.ts"
import { makeExchange } from "../../src/sandbox/Exchange.ts"
import type { PushStandIn } from "../../src/sandbox/PushControl.ts"
import type { TakenPush } from "../../src/sandbox/PushDesk.ts"
import { setUpApns, setUpFcm, setUpSns } from "../../src/sandbox/PushSetUp.ts"
import { makeInstallation } from "../support/Installation.ts"
import { startProcess } from "../support/ServiceProcess.ts"
import { temporaryDirectory } from "../support/TemporaryDirectory.ts"
import { ALICE, eventually, within } from "./Rehearsal.ts"

/** Who serves each platform, and the settings with which the service finds them. */
interface Gateways {
  readonly iOS: PushStandIn
  readonly Android: PushStandIn
  readonly environment: Readonly<Record<string, string>>
}

const appleAndGoogle = Effect.gen(function* () {
  const folder = join(yield* temporaryDirectory, "push")
  const certificate = yield* certificateIn(folder, ["127.0.0.1"])
  const apns = yield* setUpApns({ folder, certificate })
  const fcm = yield* setUpFcm({ folder, certificate })
  const environment = { ENS_PUSH: "ios=apns,android=fcm", ...apns.environment, ...fcm.environment }
  return { iOS: apns.standIn, Android: fcm.standIn, environment }
})

const amazon = Effect.gen(function* () {
  const { environment, standIn } = yield* setUpSns({})
  return { iOS: standIn, Android: standIn, environment: { ENS_PUSH: "sns", ...environment } }
})

/** What goes beside the payload, so that it arrives in time and replaces its own repeat. */
const OPTIONS = {
  "Apple and Google": {
    iOS: {
      "apns-topic": "com.boxer.email",
      "apns-push-type": "alert",
      "apns-priority": "10",
      "apns-collapse-id": expect.stringMatching(/^.{1,64}$/),
      "apns-expiration": expect.stringMatching(/^\d{10}$/)
    },
    Android: { priority: "high", ttl: expect.stringMatching(/^\d{4,}s$/) }
  },
  Amazon: {
    iOS: {
      "AWS.SNS.MOBILE.APNS.TOPIC": "com.boxer.email",
      "AWS.SNS.MOBILE.APNS.PUSH_TYPE": "alert",
      "AWS.SNS.MOBILE.APNS.PRIORITY": "10",
      "AWS.SNS.MOBILE.APNS.COLLAPSE_ID": expect.stringMatching(/^.{1,64}$/),
      "AWS.SNS.MOBILE.APNS.TTL": expect.stringMatching(/^\d{4,}$/)
    },
    Android: { "AWS.SNS.MOBILE.FCM.TTL": expect.stringMatching(/^\d{4,}$/), priority: "high" }
  }
} as const

const PLATFORMS: ReadonlyArray<Platform> = ["iOS", "Android"]

/** A gateway that was down is asked again a quarter of a minute later. */
const PATIENCE = { timeout: 90_000 }

/** A running service, an iPhone and an Android phone of one user, and a mailbox. */
const world = (made: Effect.Effect<Gateways, unknown, Scope.Scope>) =>
  Effect.gen(function* () {
    const gateways = yield* made
    const exchange = yield* makeExchange({ mailboxes: [ALICE] })
    const installation = yield* makeInstallation(gateways.environment)
    const apiToken = yield* installation.createToken(exchange.url)
    yield* startProcess(installation)
    const phone = (platform: Platform) =>
      makeDevice({
        baseUrl: installation.baseUrl,
        apiToken,
        address: ALICE.address,
        login: { username: ALICE.address, password: ALICE.password },
        platform,
        ewsUrl: exchange.url
      })
    const phones = { iOS: yield* phone("iOS"), Android: yield* phone("Android") }
    for (const platform of PLATFORMS)
      expect([6, 7]).toContain((yield* phones[platform].register()).responseCode)
    const mail = (subject: string) =>
      exchange.deliver({
        to: ALICE.address,
        from: "bob@example.com",
        fromName: "Bob Baker",
        subject,
        body: "At noon."
      })
    /** What reached the phone, oldest first. */
    const taken = (platform: Platform): ReadonlyArray<TakenPush> =>
      gateways[platform].received().filter((one) => one.deviceToken === phones[platform].token())
    const subjects = (platform: Platform) =>
      taken(platform).map(({ payload }) => show(platform, payload).subtitle)
    /** The mails that were told of, once for each time. */
    const named = (platform: Platform) =>
      taken(platform).flatMap(({ payload }) => show(platform, payload).itemIds)
    const arrives = (subject: string, platforms: ReadonlyArray<Platform> = PLATFORMS) =>
      Effect.forEach(platforms, (platform) =>
        within(
          gateways[platform].until(() => subjects(platform).includes(subject)),
          `${subject} on ${platform}`,
          30
        )
      )
    return { gateways, exchange, installation, phones, mail, taken, subjects, named, arrives }
  })

const suite = (name: keyof typeof OPTIONS, made: Effect.Effect<Gateways, unknown, Scope.Scope>) =>
  describe.concurrent(`the service and the gateways of ${name}`, PATIENCE, () => {
    it.scopedLive("bring a mail to both phones, in the contract's form", () =>
      Effect.gen(function* () {
        const { arrives, mail, taken } = yield* world(made)
        const item = yield* mail("Lunch?")
        yield* arrives("Lunch?")
        for (const platform of PLATFORMS) {
          const [one, ...more] = taken(platform)
          expect(more, platform).toEqual([])
          expect(one, platform).toMatchObject({ deviceType: platform, options: OPTIONS[name][platform] })
          expect(decode(one), platform).toMatchObject({ payload: one?.payload })
          expect(show(platform, one?.payload), platform).toMatchObject({
            action: "newMail",
            title: "Bob Baker",
            subtitle: "Lunch?",
            itemIds: [item]
          })
        }
      })
    )

    it.scopedLive("forget a phone whose token is dead, and the other one gets its mails", () =>
      Effect.gen(function* () {
        const { arrives, gateways, mail, phones, subjects } = yield* world(made)
        yield* gateways.iOS.addFault({ kind: "dead", deviceToken: phones.iOS.token() })
        let last = ""
        // SNS tells it only at the second one.
        for (const subject of ["One", "Two"]) {
          last = subject
          yield* mail(subject)
          yield* arrives(subject, ["Android"])
        }
        yield* within(
          Effect.repeat(Effect.delay(phones.iOS.status, 50), {
            until: ({ responseCode }) => responseCode === 30
          }),
          "the phone is forgotten"
        )
        expect(yield* phones.Android.status).toMatchObject({ responseCode: 6, state: "Active" })
        expect([last, subjects("iOS"), subjects("Android")]).toEqual(["Two", [], ["One", "Two"]])
        // It comes back by itself when its app registers.
        yield* gateways.iOS.clearFaults
        expect((yield* phones.iOS.register()).status).toBe(200)
        yield* mail("Three")
        yield* arrives("Three")
      })
    )

    it.scopedLive("keep the mails of an outage, and name each of them once when it is over", () =>
      Effect.gen(function* () {
        const { arrives, exchange, gateways, mail, named, taken } = yield* world(made)
        const items = [yield* mail("Before")]
        yield* arrives("Before")
        for (const platform of PLATFORMS) yield* gateways[platform].down
        for (const subject of ["One", "Two"]) {
          const item = yield* mail(subject)
          items.push(item)
          yield* eventually(
            () =>
              exchange
                .deliveries()
                .some(({ itemIds, outcome }) => itemIds.includes(item) && outcome === "OK"),
            `Exchange's callback for ${subject} is answered`,
            30
          )
        }
        for (const platform of PLATFORMS) {
          expect(taken(platform), platform).toHaveLength(1)
          yield* gateways[platform].up
        }
        items.push(yield* mail("After"))
        for (const platform of PLATFORMS) {
          yield* within(
            gateways[platform].until(() => items.every((item) => named(platform).includes(item))),
            `every mail on ${platform}`,
            40
          )
          expect([...named(platform)].sort(), platform).toEqual([...items].sort())
        }
      })
    )
  })

/** Fails unless the payload is the contract's (section 4) to the letter. */
const decode = (one: TakenPush | undefined) =>
  Schema.decodeUnknownSync(CnsNotification)(
    {
      id: "1",
      bundleId: "com.boxer.email",
      priority: "high",
      deviceToken: one?.deviceToken,
      deviceType: one?.deviceType,
      payload: one?.payload
    },
    { onExcessProperty: "error" }
  )

suite("Apple and Google", appleAndGoogle)
suite("Amazon", amazon)
