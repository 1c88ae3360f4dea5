import { describe, expect, it } from "vitest"
import { ConnectError } from "../../../layers/net/ConnectError.ts"
import { readReply as readApns } from "../../../layers/push/ApnsReply.ts"
import { readReply as readCns } from "../../../layers/push/CnsReply.ts"
import { troubleOf } from "../../../layers/push/CnsTrouble.ts"
import { readReply as readFcm } from "../../../layers/push/FcmReply.ts"
import { GATEWAY_FAULTS, gatewayFault } from "../../../layers/push/GatewayFault.ts"
import type { FaultName } from "../../../schemas/Fault.ts"

const cns = (status: number, body = "") => {
  const reply = readCns(["1"], { status, retryAfter: undefined, body }, 0)
  const [verdict] = reply._tag === "Verdicts" ? reply.verdicts : []
  return verdict?._tag === "GatewayDown" ? verdict.reason : undefined
}

const apns = (status: number, reason: string) => {
  const target = {
    token: "t",
    platform: "iOS",
    bundleId: "b",
    environment: "production",
    registeredAt: 0
  } as const
  const reply = readApns({ status, retryAfter: undefined, body: JSON.stringify({ reason }) }, target, 0)
  return "reason" in reply ? reply.reason : undefined
}

const fcm = (status: number, body: unknown) => {
  const reply = readFcm({ status, retryAfter: undefined, body }, 0)
  return "reason" in reply ? reply.reason : undefined
}

const coded = (code: string) => troubleOf(Object.assign(new Error(code), { code })).reason

const CASES: ReadonlyArray<readonly [string, string | undefined, FaultName]> = [
  ["CNS's 401 with code 2007", cns(401, '{"code":2007,"message":"x"}'), "gateway-log-in-refused"],
  ["CNS's code 2007 with 200", cns(200, '{"code":2007,"message":"x"}'), "gateway-log-in-refused"],
  ["CNS's 500", cns(500), "gateway-down"],
  ["a wrong path at CNS", cns(404), "gateway-down"],
  ["a CNS that nobody reaches", coded("ECONNREFUSED"), "gateway-down"],
  ["an unknown authority of CNS", coded("UNABLE_TO_VERIFY_LEAF_SIGNATURE"), "certificate-not-trusted"],
  [
    "another key of CNS",
    troubleOf(new ConnectError("ENS_PIN_MISMATCH", "its certificate is not one of the pinned ones")).reason,
    "pin-mismatch"
  ],
  ["a certificate that CNS refuses", coded("ERR_SSL_TLSV1_ALERT_UNKNOWN_CA"), "gateway-log-in-refused"],
  ["APNs' 403 for a revoked key", apns(403, "InvalidProviderToken"), "gateway-log-in-refused"],
  ["APNs' 403 for an old token", apns(403, "ExpiredProviderToken"), "clock-skew"],
  ["FCM's 401", fcm(401, { error: { status: "UNAUTHENTICATED" } }), "gateway-log-in-refused"],
  ["FCM's 503", fcm(503, {}), "gateway-down"]
]

describe("the cause why a gateway is down", () => {
  it.each(CASES)("is told of %s", (_, reason, fault) => {
    expect(reason).toBeDefined()
    expect(gatewayFault(`CNS at cns.example ${reason}`)).toBe(fault)
    expect(GATEWAY_FAULTS).toContain(fault)
  })
})
