import { Console, Effect, Runtime } from "effect"
import type { CertificateProblem } from "./CertificateFolder.ts"
import type { CannotListen } from "./Listener.ts"
import type { PushStandIn } from "./PushControl.ts"
import { type PushPlace, type PushSetUp, type SnsPlace, setUpApns, setUpFcm, setUpSns } from "./PushSetUp.ts"
import { SANDBOX_ARNS } from "./Sns.ts"

/** `ens sandbox apns`: runs the APNs stand-in until interrupted, prints how to use it and every notification it takes. */
export const runApns = (place: PushPlace): Effect.Effect<never, CannotListen | CertificateProblem> =>
  Effect.gen(function* () {
    const apns = yield* setUpApns(place)
    yield* Console.log(introduction("APNs", "ios=apns,android=log", apns))
    return yield* printing(apns.standIn)
  }).pipe(Effect.scoped)

/** `ens sandbox fcm`: the same for FCM. */
export const runFcm = (place: PushPlace): Effect.Effect<never, CannotListen | CertificateProblem> =>
  Effect.gen(function* () {
    const fcm = yield* setUpFcm(place)
    yield* Console.log(introduction("FCM", "fcm", fcm))
    return yield* printing(fcm.standIn)
  }).pipe(Effect.scoped)

/** `ens sandbox sns`: the same for SNS. */
export const runSns = (place: SnsPlace): Effect.Effect<never, CannotListen | CertificateProblem> =>
  Effect.gen(function* () {
    const sns = yield* setUpSns(place)
    const { controlUrl } = sns.standIn
    yield* Console.log(`${introduction("SNS", "sns", sns)}
  endpoints   curl ${controlUrl}/endpoints
              curl ${controlUrl}/endpoints -d '{"platformArn":"${SANDBOX_ARNS.ios}","deviceToken":"…","enabled":false,"userData":"somebody else"}'
`)
    return yield* printing(sns.standIn)
  }).pipe(Effect.scoped)

const introduction = (
  name: string,
  push: string,
  { environment, standIn: { controlUrl, url } }: PushSetUp
): string => `${name} stand-in: ${url}

Start the service with this environment; what phones get is printed below.

${Object.entries({ ENS_PUSH: push, ...environment })
  .map(([variable, value]) => `${variable}=${quoted(value)}`)
  .join(" ")}

  trouble     curl ${controlUrl}/faults -d '{"kind":"throttled","retryAfter":"5","times":3}'
              kinds: dead badToken reject throttled unauthorized status slow malformed cut
                     (with deviceToken, times, seconds)
                     down clear
  look        curl ${controlUrl}/state`

const printing = (standIn: PushStandIn): Effect.Effect<never> =>
  Effect.gen(function* () {
    const print = Runtime.runSync(yield* Effect.runtime())
    standIn.onNotification((taken) => print(Console.log(JSON.stringify(taken))))
    return yield* Effect.never
  })

/** For a shell. */
const quoted = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
