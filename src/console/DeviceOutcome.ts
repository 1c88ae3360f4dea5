import type { Device } from "../../layers/storage/Storage.ts"
import type { Verdict } from "../../schemas/Push.ts"

/** What became of a notification to one device. */
export interface DeviceOutcome {
  readonly device: Pick<Device, "device" | "platform">
  readonly ok: boolean
  readonly text: string
}

/** In words for an administrator. */
export const outcomeOf = (verdict: Verdict): Pick<DeviceOutcome, "ok" | "text"> => {
  switch (verdict._tag) {
    case "Delivered":
      return { ok: true, text: "the gateway took it" }
    case "TokenDead":
      return { ok: false, text: "its push token is dead, the app has to register" }
    case "RetryLater":
      return { ok: false, text: "the gateway asks to try later" }
    case "Rejected":
      return { ok: false, text: `the gateway rejects it (${verdict.reason})` }
    case "GatewayDown":
      return { ok: false, text: `the gateway is down (${verdict.reason})` }
  }
}

/** All devices in one sentence, such as `Test: device 1 (iOS): the gateway took it; device 2 (Android): ….` */
export const sentence = (what: string, outcomes: ReadonlyArray<DeviceOutcome>): string =>
  `${what}: ${outcomes.map(({ device, text }) => `device ${device.device} (${device.platform}): ${text}`).join("; ")}.`
