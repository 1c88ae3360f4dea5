import { randomUUID } from "node:crypto"
import type { IncomingMessage, ServerResponse } from "node:http"
import { Effect, Schema, type Scope } from "effect"
import { Changes } from "./Changes.ts"
import { type Commands, command, done, serveControl, type Views } from "./Control.ts"
import { type ControlledOptions, listenWithControl } from "./ControlListener.ts"
import type { CannotListen } from "./Listener.ts"
import { Recorder } from "./Recorder.ts"
import { forward } from "./SegForward.ts"

export interface SegOptions extends ControlledOptions {
  /** Base URL of the Exchange behind it, `https://mail.example.com`; a path is ignored. */
  readonly upstream: string
  /** PEM of the CA that signed its certificate. */
  readonly upstreamCa?: string
  /** Header that names the devices (default X-AW-ENS-DEVICES). */
  readonly deviceHeader?: string
}

/** What the gateway thinks of a device: 403, 400, 204 or 404, or its requests pass. */
export const Verdict = Schema.Literal("allowed", "notCompliant", "unknown", "policyNotLoaded", "notEnabled")
export type Verdict = typeof Verdict.Type

/** One request as it came, and what it got. */
export interface SegRequest {
  readonly at: Date
  readonly transactionId: string
  readonly devices: ReadonlyArray<string>
  readonly status: number
  /** It went on to Exchange, and the status is from there. */
  readonly passed: boolean
}

/** A running stand-in of a Secure Email Gateway. */
export interface SegStandIn {
  /** The EWS URL through the gateway. */
  readonly url: string
  readonly controlUrl: string
  /** `all`: every device that no verdict names. */
  readonly judge: (device: string | "all", verdict: Verdict) => Effect.Effect<void>
  /** The latest ones, oldest first. */
  readonly requests: () => ReadonlyArray<SegRequest>
  /** Waits until `condition` holds; it is asked again after every request. */
  readonly until: (condition: () => boolean) => Effect.Effect<void>
}

/**
 * Starts a gateway in front of an Exchange: it lets a request pass if it allows one of the devices that the request
 * names, and says no with the first one's verdict else. As the real one, it takes NTLM out of what Exchange offers.
 */
export const makeSeg = (options: SegOptions): Effect.Effect<SegStandIn, CannotListen, Scope.Scope> =>
  Effect.gen(function* () {
    const verdicts = new Map<string, Verdict>()
    const requests = new Recorder<SegRequest>(MAX_REQUESTS)
    const changes = new Changes()
    const verdictOf = (device: string) => verdicts.get(device) ?? verdicts.get("all") ?? "allowed"

    const serve = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
      const transactionId = randomUUID()
      outgoing.setHeader("X-AW-SEG-TRANSACTION-ID", transactionId)
      const devices = devicesIn(incoming, options.deviceHeader ?? "X-AW-ENS-DEVICES")
      const passed = devices.some((device) => verdictOf(device) === "allowed")
      const status = passed
        ? await forward(incoming, outgoing, options)
        : STATUSES[devices[0] === undefined ? "unknown" : verdictOf(devices[0])]
      if (!passed) outgoing.writeHead(status).end()
      requests.add({ at: new Date(), transactionId, devices, status, passed })
      changes.signal()
    }
    const { main, control } = yield* listenWithControl(
      options,
      (otherwise) => (incoming, outgoing) => {
        if (/^\/(?:ews|autodiscover)\//i.test(incoming.url ?? "")) void serve(incoming, outgoing)
        else otherwise(incoming, outgoing)
      },
      (incoming, outgoing) => serveControl(standIn, COMMANDS, VIEWS, incoming, outgoing)
    )
    const standIn: SegStandIn = {
      url: `${main.url}/EWS/Exchange.asmx`,
      controlUrl: `${control.url}/sandbox`,
      judge: (device, verdict) => Effect.sync(() => void verdicts.set(device, verdict)),
      requests: () => requests.all(),
      until: (condition) => changes.until(condition)
    }
    return standIn
  })

const devicesIn = (incoming: IncomingMessage, header: string): ReadonlyArray<string> =>
  String(incoming.headers[header.toLowerCase()] ?? "")
    .split(",")
    .map((device) => device.trim())
    .filter((device) => device !== "")

const COMMANDS: Commands<SegStandIn> = {
  devices: command(
    Schema.Struct({
      device: Schema.optionalWith(Schema.NonEmptyTrimmedString, { default: () => "all" }),
      verdict: Verdict
    }),
    (seg, { device, verdict }) => seg.judge(device, verdict).pipe(done)
  )
}

const VIEWS: Views<SegStandIn> = { state: (seg) => ({ url: seg.url, requests: seg.requests() }) }

const STATUSES: Readonly<Record<Verdict, number>> = {
  allowed: 200,
  notCompliant: 403,
  unknown: 400,
  policyNotLoaded: 204,
  notEnabled: 404
}
const MAX_REQUESTS = 500
