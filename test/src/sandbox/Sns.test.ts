import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as SnsGateway from "../../../layers/push/SnsGateway.ts"
import * as MemoryStorage from "../../../layers/storage/MemoryStorage.ts"
import { makeSns, SANDBOX_ARNS, type SnsStandIn } from "../../../src/sandbox/Sns.ts"
import { notification } from "../../support/Notifications.ts"
import { connectTo } from "./support/Connection.ts"
import { pushSuite } from "./support/PushSuite.ts"

const started = makeSns()

const only = (otherwise: string) => ({ otherwise, apps: new Map<string, string>() })

const gatewayFor = (standIn: SnsStandIn) =>
  SnsGateway.make({
    settings: {
      push: { ios: "sns", android: "sns" },
      sns: {
        region: undefined,
        endpoint: standIn.url,
        ios: only(SANDBOX_ARNS.ios),
        android: only(SANDBOX_ARNS.android)
      }
    },
    credentials: { accessKeyId: "sandbox", secretAccessKey: "sandbox" }
  }).pipe(Effect.provide(MemoryStorage.layer))

const rig = Effect.gen(function* () {
  const standIn = yield* started
  return { standIn, gateway: yield* gatewayFor(standIn) }
})

const SIGNED = { authorization: "AWS4-HMAC-SHA256 Credential=a/20260101/eu-central-1/sns/aws4_request, x" }

const ask = (sns: SnsStandIn, form: Record<string, string>, headers: Record<string, string> = SIGNED) =>
  Effect.gen(function* () {
    const connection = yield* connectTo(sns.url)
    const { status, text } = yield* connection.post(new URLSearchParams(form).toString(), headers)
    return [status, /<(?:Code|EndpointArn)>([^<]+)</.exec(text)?.[1]]
  })

describe("the SNS stand-in", () => {
  pushSuite("it", ["iOS", "Android"], rig, { asksLater: true })

  it.scopedLive("does what it is asked as SNS does, and refuses the rest", () =>
    Effect.gen(function* () {
      const sns = yield* started
      const create = {
        Action: "CreatePlatformEndpoint",
        PlatformApplicationArn: SANDBOX_ARNS.ios,
        Token: "t"
      }
      const arn = `${SANDBOX_ARNS.ios.replace(":app/", ":endpoint/")}/1`
      const message = { MessageStructure: "json", Message: JSON.stringify({ default: "x", APNS: "{}" }) }
      const steps: ReadonlyArray<readonly [Record<string, string>, number, string | undefined]> = [
        [{ Action: "DeleteTopic" }, 400, "InvalidAction"],
        [{ ...create, PlatformApplicationArn: "arn:aws:sns:eu-central-1:1:topic" }, 404, "NotFound"],
        [{ ...create, Token: "" }, 400, "InvalidParameter"],
        [create, 200, arn],
        [create, 200, arn],
        [{ ...create, CustomUserData: "mine" }, 400, "InvalidParameter"],
        [{ Action: "Publish", TargetArn: `${arn}0`, ...message }, 404, "NotFound"],
        [{ Action: "Publish", TargetArn: arn, Message: "{}" }, 400, "InvalidParameter"],
        [{ Action: "Publish", TargetArn: arn, ...message, Message: "no JSON" }, 400, "InvalidParameter"],
        [{ Action: "Publish", TargetArn: arn, ...message }, 200, undefined],
        [{ Action: "SetEndpointAttributes", EndpointArn: `${arn}0` }, 404, "NotFound"],
        [
          { Action: "SetEndpointAttributes", EndpointArn: arn, ...attributes({ Enabled: "false" }) },
          200,
          undefined
        ],
        [{ Action: "Publish", TargetArn: arn, ...message }, 400, "EndpointDisabled"],
        // Making it again does not enable it.
        [create, 200, arn],
        [{ Action: "Publish", TargetArn: arn, ...message }, 400, "EndpointDisabled"],
        [
          {
            Action: "SetEndpointAttributes",
            EndpointArn: arn,
            ...attributes({ Enabled: "true", Token: "t2" })
          },
          200,
          undefined
        ],
        [{ Action: "Publish", TargetArn: arn, ...message }, 200, undefined]
      ]
      for (const [form, status, said] of steps)
        expect([form, ...(yield* ask(sns, form))]).toEqual([form, status, said])
      expect(yield* ask(sns, create, {})).toEqual([403, "MissingAuthenticationToken"])
      expect(sns.received().map(({ deviceToken }) => deviceToken)).toEqual(["t", "t2"])
      expect(sns.requests().at(-1)).toMatchObject({ action: "CreatePlatformEndpoint", status: 403 })
    })
  )

  it.scopedLive(
    "has endpoints that somebody else made, and disabled ones, which the product copes with",
    () =>
      Effect.gen(function* () {
        const { gateway, standIn } = yield* rig
        const sns = standIn
        const control = yield* connectTo(`${sns.controlUrl}/endpoints`)
        const put = {
          platformArn: SANDBOX_ARNS.ios,
          deviceToken: "token-1",
          enabled: false,
          userData: "theirs"
        }
        const { status, text } = yield* control.post(JSON.stringify(put))
        expect([status, JSON.parse(text)]).toEqual([200, { arn: sns.endpoints()[0]?.arn }])
        expect((yield* control.post('{"platformArn":"x","deviceToken":"y"}')).status).toBe(400)
        expect((yield* gateway.send([notification(1)]))[0]?._tag).toBe("Delivered")
        expect(sns.requests().map(({ action, reason }) => `${action} ${reason}`.trim())).toEqual([
          "CreatePlatformEndpoint InvalidParameter",
          "Publish EndpointDisabled",
          "SetEndpointAttributes",
          "Publish"
        ])
        const shown = yield* Effect.promise(() =>
          fetch(`${sns.controlUrl}/endpoints`).then((response) => response.json())
        )
        expect(shown).toEqual({ endpoints: sns.endpoints() })
        expect(sns.endpoints()).toMatchObject([{ token: "token-1", enabled: true, userData: "theirs" }])
      })
  )

  it.scopedLive("tells how a notification is to be treated on its way", () =>
    Effect.gen(function* () {
      const { gateway, standIn } = yield* rig
      const expiresAt = Date.now() + 60_000
      yield* gateway.send([
        notification(1, { expiresAt }),
        notification(2, { platform: "Android", expiresAt })
      ])
      expect(standIn.received().map(({ options }) => options)).toMatchObject([
        { "AWS.SNS.MOBILE.APNS.PUSH_TYPE": "alert", "AWS.SNS.MOBILE.APNS.TOPIC": "com.example.mail" },
        { "AWS.SNS.MOBILE.FCM.TTL": expect.stringMatching(/^(?:60|59)$/), priority: "high" }
      ])
    })
  )
})

/** A map of the query protocol. */
const attributes = (values: Record<string, string>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(values).flatMap(([key, value], n) => [
      [`Attributes.entry.${n + 1}.key`, key],
      [`Attributes.entry.${n + 1}.value`, value]
    ])
  )
