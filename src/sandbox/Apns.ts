import { createPublicKey } from "node:crypto"
import type { IncomingHttpHeaders } from "node:http2"
import { Effect, type Scope } from "effect"
import { type ApnsAct, type ApnsRequest, serveApns } from "./ApnsServer.ts"
import { listenForControl, outagesOf, type PushStandIn } from "./PushControl.ts"
import { attend, openDesk, type PushClerk } from "./PushDesk.ts"
import { type PushFaultAnswer, waiting } from "./PushFaults.ts"
import type { KeyAndCertificate } from "./SelfMadeCertificate.ts"
import type { CannotListen } from "./ServerPort.ts"

export interface ApnsOptions {
  readonly host?: string
  readonly port?: number
  /** Default: a free one. */
  readonly controlPort?: number
  readonly tls: KeyAndCertificate
  /** Who may send; without it everybody may. */
  readonly sender?: ApnsSender
}

/** A developer team, and its key (PEM, private or public). */
export interface ApnsSender {
  readonly keyId: string
  readonly teamId: string
  readonly key: string
}

/**
 * Starts an APNs stand-in on the real clock: HTTP/2 over TLS, one request for a notification. It checks requests and the
 * team's signature as Apple does; every device token that no fault names is one of its own.
 */
export const makeApns = (options: ApnsOptions): Effect.Effect<PushStandIn, CannotListen, Scope.Scope> =>
  Effect.gen(function* () {
    const { clerk, desk } = yield* openDesk
    const { controlPort, sender, ...place } = options
    const server = yield* serveApns({
      ...place,
      ...(sender && { keys: { [sender.keyId]: { ...sender, key: createPublicKey(sender.key) } } }),
      serve: (request, problem) => serve(clerk, request, problem)
    })
    const control = yield* listenForControl(controlPort ?? 0, () => standIn)
    const standIn: PushStandIn = {
      ...desk,
      ...(yield* outagesOf(server, clerk.timers)),
      url: server.url,
      controlUrl: `${control.url}/sandbox`
    }
    return standIn
  })

const serve = (
  clerk: PushClerk,
  { headers, payload, token: deviceToken }: ApnsRequest,
  problem: ApnsAct | undefined
): Promise<ApnsAct> =>
  attend(clerk, {
    deviceToken,
    honest: () => {
      if (problem !== undefined) return problem
      clerk.take({ deviceToken, deviceType: "iOS", payload, options: optionsIn(headers) })
      return {}
    },
    inWords,
    describe: (act) =>
      typeof act === "string"
        ? { status: 0, reason: act }
        : { status: act.status ?? 200, reason: act.reason ?? "" }
  })

/** How Apple says it ("Handling notification responses from APNs"). */
const inWords = (fault: PushFaultAnswer): ApnsAct => {
  switch (fault.kind) {
    case "dead":
      return { status: 410, reason: "Unregistered", timestamp: Date.now() }
    case "badToken":
      return { status: 400, reason: "BadDeviceToken" }
    case "reject":
      return { status: 413, reason: "PayloadTooLarge" }
    case "throttled": {
      const reason = fault.deviceToken === undefined ? "TooManyProviderTokenUpdates" : "TooManyRequests"
      return { status: 429, reason, headers: waiting(fault.retryAfter) }
    }
    case "unauthorized":
      return { status: 403, reason: "InvalidProviderToken" }
    case "status": {
      const { reason, retryAfter, status } = fault
      return { status, headers: waiting(retryAfter), ...(reason === undefined ? {} : { reason }) }
    }
    case "malformed":
      return { body: "<html>not APNs" }
  }
}

const optionsIn = (headers: IncomingHttpHeaders) =>
  Object.fromEntries(
    Object.entries(headers).filter(([name]) => name.startsWith("apns-") && name !== "apns-id")
  )
