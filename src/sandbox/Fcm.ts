import { createPrivateKey, createPublicKey, randomBytes } from "node:crypto"
import { Effect, type Scope } from "effect"
import { notFound } from "./ControlListener.ts"
import { FcmLogIn } from "./FcmLogIn.ts"
import { type FcmMessage, fcmError } from "./FcmMessage.ts"
import { type FcmSend, serveFcm, tokenUrlOf } from "./FcmServer.ts"
import { type HttpAct, statusOf } from "./HttpAct.ts"
import { type CannotListen, type ListenerOptions, listen } from "./Listener.ts"
import { listenForControl, outagesOf, type PushStandIn } from "./PushControl.ts"
import { attend, openDesk, type PushClerk } from "./PushDesk.ts"
import { type PushFaultAnswer, waiting } from "./PushFaults.ts"

export interface FcmOptions extends ListenerOptions {
  /** Default: a free one. */
  readonly controlPort?: number
  /** RSA key (PEM) of the service account that may send. */
  readonly key: string
}

/** A running FCM stand-in. */
export interface FcmStandIn extends PushStandIn {
  /** What belongs into the file of ENS_FCM_SERVICE_ACCOUNT_FILE: as the Firebase console gives it out, but for this FCM. */
  readonly serviceAccount: Readonly<Record<string, string>>
}

/**
 * Starts an FCM stand-in on the real clock, which is also the place where its service account logs in. It checks log-ins and
 * messages as Google does; every device token that no fault names is one of its own.
 */
export const makeFcm = (options: FcmOptions): Effect.Effect<FcmStandIn, CannotListen, Scope.Scope> =>
  Effect.gen(function* () {
    const { clerk, desk } = yield* openDesk
    const key = createPrivateKey(options.key)
    const logIn = new FcmLogIn({ account: { email: EMAIL, key: createPublicKey(options.key) } })
    const handler = serveFcm(
      { logIn, url: () => main.url, serve: (request, problem) => serve(clerk, request, problem) },
      notFound
    )
    const main = yield* listen(options, handler)
    const control = yield* listenForControl(options.controlPort ?? 0, () => standIn)
    const standIn: FcmStandIn = {
      ...desk,
      ...(yield* outagesOf(main, clerk.timers)),
      url: main.url,
      controlUrl: `${control.url}/sandbox`,
      serviceAccount: {
        type: "service_account",
        project_id: PROJECT,
        private_key_id: "sandbox",
        private_key: key.export({ type: "pkcs8", format: "pem" }).toString(),
        client_email: EMAIL,
        token_uri: tokenUrlOf(main.url)
      }
    }
    return standIn
  })

const PROJECT = "ens-sandbox"
const EMAIL = `ens@${PROJECT}.iam.gserviceaccount.com`

const serve = (
  clerk: PushClerk,
  { dryRun, message }: FcmSend,
  problem: HttpAct | undefined
): Promise<HttpAct> =>
  attend(clerk, {
    deviceToken: message?.token ?? "",
    honest: () => {
      if (problem !== undefined) return problem
      if (message !== undefined && !dryRun) clerk.take({ deviceToken: message.token, ...forPhone(message) })
      return accepted()
    },
    inWords,
    describe: (act) => ({ status: statusOf(act), reason: problem === act ? "wrong in itself" : "" })
  })

const accepted = (): HttpAct => ({
  body: { name: `projects/${PROJECT}/messages/${randomBytes(8).toString("hex")}` }
})

/** iOS devices are those whose message has a part for Apple. */
const forPhone = ({ android = {}, apns, data = {} }: FcmMessage) =>
  apns === undefined
    ? { deviceType: "Android" as const, payload: data, options: android }
    : { deviceType: "iOS" as const, payload: apns.payload, options: apns.headers }

/** How Google says it (firebase.google.com, "ErrorCode" of the HTTP v1 API). */
const inWords = (fault: PushFaultAnswer): HttpAct => {
  switch (fault.kind) {
    case "dead":
      return fcmError(404, "NOT_FOUND", "UNREGISTERED")
    case "badToken":
      return fcmError(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH")
    case "reject":
      return fcmError(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT")
    case "throttled":
      return fcmError(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", {
        headers: waiting(fault.retryAfter),
        details: fault.deviceToken === undefined ? [] : [OF_DEVICE]
      })
    case "unauthorized":
      return fcmError(401, "UNAUTHENTICATED")
    case "status": {
      const headers = waiting(fault.retryAfter)
      return fault.reason === undefined
        ? { status: fault.status, headers, body: "" }
        : fcmError(fault.status, fault.reason, fault.reason, { headers })
    }
    case "malformed":
      return { body: "<html>not FCM" }
  }
}

/** The quota that is used up is a single device's. */
const OF_DEVICE = {
  "@type": "type.googleapis.com/google.rpc.QuotaFailure",
  violations: [{ subject: "device", description: "Device message rate exceeded" }]
}
