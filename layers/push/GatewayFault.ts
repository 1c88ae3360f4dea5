import type { FaultName } from "../../schemas/Fault.ts"
import { Verdict } from "../../schemas/Push.ts"
import { type FailureReason, failureReason } from "./FailureReason.ts"

/** The causes for which a gateway is down. One at a time: it has no other trouble that stops it. */
export const GATEWAY_FAULTS = [
  "gateway-log-in-refused",
  "gateway-down",
  "certificate-not-trusted",
  "pin-mismatch",
  "clock-skew"
] as const satisfies ReadonlyArray<FaultName>

/** The cause of what a gateway says of itself in a verdict `GatewayDown`. */
export const gatewayFault = (reason: string): FaultName => {
  if (reason.endsWith("check this machine's clock")) return "clock-skew"
  if (/ENS_PIN_MISMATCH|pinned/.test(reason)) return "pin-mismatch"
  return FAULTS.get(failureReason(Verdict.GatewayDown({ reason }))) ?? "gateway-down"
}

const FAULTS: ReadonlyMap<FailureReason, FaultName> = new Map([
  ["credentials", "gateway-log-in-refused"],
  ["tokens refused", "gateway-log-in-refused"],
  ["tls", "certificate-not-trusted"]
])
