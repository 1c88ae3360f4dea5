import { Effect, type Scope } from "effect"
import { type GatewayName, Settings, type SettingsShape } from "../../schemas/Settings.ts"
import type { MasterKey } from "../crypto/MasterKey.ts"
import type { Storage } from "../storage/Storage.ts"
import type { Gateway } from "./Gateway.ts"
import { PushSetupError } from "./PushSetupError.ts"
import type * as PushStage from "./PushStage.ts"

/**
 * The gateways that `ENS_PUSH` names; one that serves both platforms is made once. Each gateway's module is loaded only
 * when it is named, because some bring large libraries along.
 */
export const make: Effect.Effect<
  PushStage.PlatformGateways,
  PushSetupError,
  Settings | MasterKey | Storage | Scope.Scope
> = Effect.gen(function* () {
  const settings = yield* Settings
  const ios = yield* gateway(settings.push.ios, settings)
  const same = settings.push.android === settings.push.ios
  const android = same ? ios : yield* gateway(settings.push.android, settings)
  return { ios, android }
})

const noAndroid = new PushSetupError({
  gateway: "apns",
  problem: "it serves iOS only; name another gateway for Android, like ENS_PUSH=ios=apns,android=fcm"
})

const gateway = Effect.fnUntraced(function* (
  name: GatewayName,
  settings: SettingsShape
): Effect.fn.Return<Gateway, PushSetupError, MasterKey | Storage | Scope.Scope> {
  switch (name) {
    case "log": {
      const LogGateway = yield* Effect.promise(() => import("./LogGateway.ts"))
      const file = settings.pushLogFile
      return yield* LogGateway.make(file === undefined ? LogGateway.standardOutput : { file })
    }
    case "cns": {
      const CnsSetup = yield* Effect.promise(() => import("./CnsSetup.ts"))
      return yield* CnsSetup.make(settings)
    }
    case "apns": {
      if (settings.push.android === "apns") return yield* noAndroid
      const ApnsGateway = yield* Effect.promise(() => import("./ApnsGateway.ts"))
      return yield* ApnsGateway.make({ settings: settings.apns })
    }
    case "fcm": {
      const FcmGateway = yield* Effect.promise(() => import("./FcmGateway.ts"))
      return yield* FcmGateway.make({ settings: settings.fcm })
    }
    case "sns": {
      const SnsGateway = yield* Effect.promise(() => import("./SnsGateway.ts"))
      return yield* SnsGateway.make({ settings })
    }
  }
})
