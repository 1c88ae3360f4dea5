import { join, resolve } from "node:path"
import { Console, Effect, Runtime } from "effect"
import { makeApns } from "./Apns.ts"
import type { CertificateProblem, KeptCertificate } from "./CertificateFolder.ts"
import { makeFcm } from "./Fcm.ts"
import { keyIn, writeSecret } from "./KeyFile.ts"
import type { CannotListen } from "./Listener.ts"
import type { PushStandIn } from "./PushControl.ts"
import { makeSns, SANDBOX_ARNS, type SnsOptions } from "./Sns.ts"

/** What `ens sandbox apns` and `fcm` are told. */
export interface RunPushOptions {
  readonly host?: string
  readonly port?: number
  readonly controlPort?: number
  /** Folder of the keys that are made for the service; made if need be. */
  readonly folder: string
  readonly certificate: KeptCertificate
}

/** `ens sandbox apns`: runs the APNs stand-in until interrupted, prints how to use it and every notification it takes. */
export const runApns = ({
  certificate,
  folder,
  ...place
}: RunPushOptions): Effect.Effect<never, CannotListen | CertificateProblem> =>
  Effect.gen(function* () {
    const { file, key } = yield* keyIn(join(folder, "apns.p8"), "ec")
    const sender = { keyId: "SANDBOXKEY", teamId: "SANDBOXTEAM", key }
    const apns = yield* makeApns({ ...place, tls: certificate, sender })
    const { hostname, port } = new URL(apns.url)
    yield* Console.log(`APNs stand-in: ${apns.url}

${STARTED_WITH}
  ENS_PUSH=ios=apns,android=log ENS_APNS_HOST=${hostname} ENS_APNS_PORT=${port} ENS_APNS_KEY_FILE=${quoted(file)} ENS_APNS_KEY_ID=${sender.keyId} ENS_APNS_TEAM_ID=${sender.teamId} NODE_EXTRA_CA_CERTS=${quoted(certificate.certFile)}
${usage(apns)}`)
    return yield* printing(apns)
  }).pipe(Effect.scoped)

/** `ens sandbox fcm`: the same for FCM. */
export const runFcm = ({
  certificate,
  folder,
  ...place
}: RunPushOptions): Effect.Effect<never, CannotListen | CertificateProblem> =>
  Effect.gen(function* () {
    const { key } = yield* keyIn(join(folder, "fcm.key"), "rsa")
    const fcm = yield* makeFcm({ ...place, tls: certificate, key })
    const file = resolve(join(folder, "fcm-service-account.json"))
    yield* writeSecret(file, `${JSON.stringify(fcm.serviceAccount, undefined, 2)}\n`)
    yield* Console.log(`FCM stand-in: ${fcm.url}

${STARTED_WITH}
  ENS_PUSH=fcm ENS_FCM_ENDPOINT=${fcm.url} ENS_FCM_SERVICE_ACCOUNT_FILE=${quoted(file)} NODE_EXTRA_CA_CERTS=${quoted(certificate.certFile)}
${usage(fcm)}`)
    return yield* printing(fcm)
  }).pipe(Effect.scoped)

/** What `ens sandbox sns` is told. */
export interface RunSnsOptions extends SnsOptions {
  /** File of its certificate, to tell who has to trust it. */
  readonly certFile?: string
}

/** `ens sandbox sns`: the same for SNS. */
export const runSns = ({ certFile, ...options }: RunSnsOptions): Effect.Effect<never, CannotListen> =>
  Effect.gen(function* () {
    const sns = yield* makeSns(options)
    yield* Console.log(`SNS stand-in: ${sns.url}

${STARTED_WITH}
  ENS_PUSH=sns ENS_SNS_ENDPOINT=${sns.url} ENS_SNS_PLATFORM_ARN_IOS=${SANDBOX_ARNS.ios} ENS_SNS_PLATFORM_ARN_ANDROID=${SANDBOX_ARNS.android} AWS_ACCESS_KEY_ID=sandbox AWS_SECRET_ACCESS_KEY=sandbox${certFile === undefined ? "" : ` NODE_EXTRA_CA_CERTS=${quoted(certFile)}`}
${usage(sns)}
  endpoints   curl ${sns.controlUrl}/endpoints
              curl ${sns.controlUrl}/endpoints -d '{"platformArn":"${SANDBOX_ARNS.ios}","deviceToken":"…","enabled":false,"userData":"somebody else"}'
`)
    return yield* printing(sns)
  }).pipe(Effect.scoped)

const STARTED_WITH = "Start the service with this environment; what comes is printed below."

const usage = ({ controlUrl }: PushStandIn): string => `
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
const quoted = (path: string): string =>
  /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`
