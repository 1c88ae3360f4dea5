import { join } from "node:path"
import { Effect, type Scope } from "effect"
import type { Gateway } from "../../layers/push/Gateway.ts"
import type { PushSetupError } from "../../layers/push/PushSetupError.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import { Verdict } from "../../schemas/Push.ts"
import {
  ACCOUNT_FILE,
  KEY_FILE,
  LOG_FILE,
  type PushServerReady,
  type PushService,
  SNS_APP
} from "./PushLoad.ts"

type Making = Effect.Effect<Gateway, PushSetupError, Scope.Scope>

const forAll = (otherwise: string) => ({ otherwise, apps: new Map<string, string>() })
const forNone = { otherwise: undefined, apps: new Map<string, string>() }

/** Our gateway to the service under load. CNS is sent to unsigned and in the clear. */
export const ensGateway = async (
  service: PushService,
  { ca, folder, port }: PushServerReady
): Promise<Making> => {
  const origin = `https://127.0.0.1:${port}`
  switch (service) {
    case "none":
      return Effect.succeed({
        name: "log",
        batchSize: 1,
        slots: 100,
        send: (batch) =>
          Effect.async((resume) => {
            setImmediate(() => resume(Effect.succeed(batch.map(() => DELIVERED))))
          })
      })
    case "log": {
      const { make } = await import("../../layers/push/LogGateway.ts")
      return make({ file: join(folder, LOG_FILE) })
    }
    case "cns": {
      const { make } = await import("../../layers/push/CnsGateway.ts")
      return make({ url: `http://127.0.0.1:${port}/nws/notify/apns` })
    }
    case "apns": {
      const { make } = await import("../../layers/push/ApnsGateway.ts")
      const keyFile = forAll(join(folder, KEY_FILE))
      const ids = { keyId: forAll("ABCDE12345"), teamId: forAll("TEAM123456") }
      return make({ settings: { keyFile, ...ids, host: "127.0.0.1", port }, tls: { ca } })
    }
    case "fcm": {
      const { make } = await import("../../layers/push/FcmGateway.ts")
      const serviceAccountFile = join(folder, ACCOUNT_FILE)
      return make({ settings: { serviceAccountFile, endpoint: origin }, tls: { ca } })
    }
    case "sns": {
      const { make } = await import("../../layers/push/SnsGateway.ts")
      const MemoryStorage = await import("../../layers/storage/MemoryStorage.ts")
      const endpoint = `http://127.0.0.1:${port}/`
      const sns = { region: undefined, endpoint, ios: forAll(SNS_APP), android: forNone }
      const credentials = { accessKeyId: "bench", secretAccessKey: "bench" }
      const settings = { push: { ios: "sns", android: "log" }, sns } as const
      return Effect.flatMap(Effect.provide(Storage, MemoryStorage.layer), (storage) =>
        Effect.provideService(make({ settings, credentials }), Storage, storage)
      )
    }
  }
}

const DELIVERED = Verdict.Delivered()
