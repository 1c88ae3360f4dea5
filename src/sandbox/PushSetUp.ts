import { join, resolve } from "node:path"
import { Effect, type Scope } from "effect"
import { makeApns } from "./Apns.ts"
import type { CertificateProblem, KeptCertificate } from "./CertificateFolder.ts"
import { makeFcm } from "./Fcm.ts"
import { keyIn, writeSecret } from "./KeyFile.ts"
import type { CannotListen } from "./Listener.ts"
import type { PushStandIn } from "./PushControl.ts"
import { makeSns, SANDBOX_ARNS, type SnsOptions, type SnsStandIn } from "./Sns.ts"

/** Where a stand-in listens, and what it keeps for the service. */
export interface PushPlace {
  readonly host?: string
  readonly port?: number
  readonly controlPort?: number
  /** Folder of the keys that are made for the service; made if need be. */
  readonly folder: string
  readonly certificate: KeptCertificate
}

/** A stand-in, and the environment of a service that sends to it (without ENS_PUSH). */
export interface PushSetUp<S extends PushStandIn = PushStandIn> {
  readonly standIn: S
  readonly environment: Readonly<Record<string, string>>
}

type SetUp<S extends PushStandIn = PushStandIn> = Effect.Effect<
  PushSetUp<S>,
  CannotListen | CertificateProblem,
  Scope.Scope
>

/** Starts an APNs and makes the key of a developer team that it knows. */
export const setUpApns = ({ certificate, folder, ...place }: PushPlace): SetUp =>
  Effect.gen(function* () {
    const { file, key } = yield* keyIn(join(folder, "apns.p8"), "ec")
    const sender = { keyId: "SANDBOXKEY", teamId: "SANDBOXTEAM", key }
    const standIn = yield* makeApns({ ...place, tls: certificate, sender })
    const { hostname, port } = new URL(standIn.url)
    const environment = {
      ENS_APNS_HOST: hostname,
      ENS_APNS_PORT: port,
      ENS_APNS_KEY_FILE: file,
      ENS_APNS_KEY_ID: sender.keyId,
      ENS_APNS_TEAM_ID: sender.teamId,
      NODE_EXTRA_CA_CERTS: certificate.certFile
    }
    return { standIn, environment }
  })

/** Starts an FCM and makes the file of a service account that may send there. */
export const setUpFcm = ({ certificate, folder, ...place }: PushPlace): SetUp =>
  Effect.gen(function* () {
    const { key } = yield* keyIn(join(folder, "fcm.key"), "rsa")
    const standIn = yield* makeFcm({ ...place, tls: certificate, key })
    const file = resolve(join(folder, "fcm-service-account.json"))
    yield* writeSecret(file, `${JSON.stringify(standIn.serviceAccount, undefined, 2)}\n`)
    const environment = {
      ENS_FCM_ENDPOINT: standIn.url,
      ENS_FCM_SERVICE_ACCOUNT_FILE: file,
      NODE_EXTRA_CA_CERTS: certificate.certFile
    }
    return { standIn, environment }
  })

export interface SnsPlace extends SnsOptions {
  /** File of its certificate, to tell who has to trust it. */
  readonly certFile?: string
}

/** Starts an SNS; any AWS credentials will do there. */
export const setUpSns = ({ certFile, ...options }: SnsPlace): SetUp<SnsStandIn> =>
  Effect.map(makeSns(options), (standIn) => ({
    standIn,
    environment: {
      ENS_SNS_ENDPOINT: standIn.url,
      ENS_SNS_PLATFORM_ARN_IOS: SANDBOX_ARNS.ios,
      ENS_SNS_PLATFORM_ARN_ANDROID: SANDBOX_ARNS.android,
      AWS_ACCESS_KEY_ID: "sandbox",
      AWS_SECRET_ACCESS_KEY: "sandbox",
      ...(certFile === undefined ? {} : { NODE_EXTRA_CA_CERTS: certFile })
    }
  }))
