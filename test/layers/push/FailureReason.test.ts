import { describe, expect, it } from "@effect/vitest"
import { troubleOf } from "../../../layers/push/CnsTrouble.ts"
import { failureReason } from "../../../layers/push/FailureReason.ts"
import { reasonOf } from "../../../layers/push/NetworkTrouble.ts"
import { Verdict } from "../../../schemas/Push.ts"

const down = (reason: string) => failureReason(Verdict.GatewayDown({ reason }))
const network = (code: string) => down(`APNs at host ${reasonOf(code, "ENS_APNS_HOST")}`)
const cns = (code: string) => down(`CNS at host ${troubleOf(Object.assign(new Error("x"), { code })).reason}`)

describe("the reason of a failure, as a metric's label", () => {
  it("is found in what gateways say of trouble with the network", () => {
    for (const of of [network, cns]) {
      expect(of("ECONNREFUSED")).toBe("unreachable")
      expect(of("ECONNRESET")).toBe("unreachable")
      expect(of("HPE_INVALID_CONSTANT")).toBe("not the service")
      expect(of("DEPTH_ZERO_SELF_SIGNED_CERT")).toBe("tls")
    }
    expect(network("timeout")).toBe("timeout")
    expect(down("no answer within 60 s")).toBe("timeout")
    expect(cns("ERR_SSL_TLSV1_ALERT_UNKNOWN_CA")).toBe("credentials")
  })

  it("is found in what they say of answers", () => {
    expect(down("CNS at h does not trust this ENS (HTTP 401, code 2007): in the console")).toBe("credentials")
    expect(down("APNs at h does not accept this ENS (InvalidProviderToken): x")).toBe("credentials")
    expect(down("FCM at h fails (HTTP 500)")).toBe("fails")
    expect(down("CNS at h answers in a form that is not CNS's (HTTP 200): x")).toBe("not the service")
    expect(down("APNs at h refuses most device tokens (BadDeviceToken): x")).toBe("tokens refused")
    expect(down("queue full")).toBe("queue full")
    expect(failureReason(Verdict.Rejected({ reason: "HTTP 413, PayloadTooLarge" }))).toBe("too large")
    expect(failureReason(Verdict.Rejected({ reason: "HTTP 400, BadTopic" }))).toBe("refused")
    expect(failureReason(Verdict.TokenDead({ since: undefined }))).toBe("token dead")
    expect(failureReason(Verdict.RetryLater({ after: 0 }))).toBe("throttled")
  })

  it("never is the text itself", () => {
    expect(down("something that quotes ann@example.com")).toBe("other")
  })
})
