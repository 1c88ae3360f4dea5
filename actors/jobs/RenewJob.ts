import { Effect, Option, Redacted } from "effect"
import { CallbackSeal } from "../../layers/crypto/CallbackSeal.ts"
import { type Device, Storage } from "../../layers/storage/Storage.ts"
import type { Generation, UserNumber } from "../../schemas/Ids.ts"
import { effectivePolicy } from "../../schemas/MailPolicy.ts"
import { Settings } from "../../schemas/Settings.ts"
import { Dossiers } from "../Dossiers.ts"
import { History } from "../History.ts"
import type { EnrolResult } from "../JobResults.ts"
import { now } from "../Now.ts"
import type { Blocked, Command } from "../SubscriptionProtocol.ts"
import { UserGate } from "../UserGate.ts"
import { causeText } from "./CauseText.ts"
import { reply } from "./DeviceReplies.ts"
import { failedEnrolment } from "./EnrolFailure.ts"
import { enrol } from "./EnrolJob.ts"

/** Milliseconds for all that is asked of Exchange. */
const RENEWED_WITHIN = 28_000

export type Renew = Extract<Command, { readonly _tag: "Renew" }>

/** Makes a new subscription with the credentials that a callback of the present one brought. */
export const renewJob = Effect.fnUntraced(
  function* (user: UserNumber, command: Renew) {
    const until = (yield* now) + RENEWED_WITHIN
    const dossier = Option.getOrUndefined(yield* (yield* Dossiers).of(user))
    if (dossier?.subscription === undefined) return failed(command)
    const seal = yield* CallbackSeal
    const credentials = yield* seal.open(dossier.user, command.from as Generation, Redacted.value(command.f))
    if (Option.isNone(credentials)) return failed(command)
    const { minPolicy, segCheck } = yield* Settings
    const named = namedTo(segCheck, dossier.devices, command.blocked)
    return yield* enrol({
      user: dossier.user,
      tenant: dossier.tenant,
      mailbox: dossier.subscription,
      generation: command.generation,
      credentials: credentials.value,
      budget: yield* (yield* UserGate).budget(user, command.from),
      devices: named.flatMap(({ deviceId }) => deviceId ?? []),
      known: named.map(({ device }) => device),
      policies: dossier.devices.map((device) => effectivePolicy(device.policy, minPolicy)),
      tokenExpiresAt: dossier.subscription.tokenExpiresAt,
      device: undefined,
      watermark: command.resume ? yield* lastWatermark(user, command.from) : undefined,
      since: command.since,
      until,
      activityId: command.activityId
    }).pipe(
      Effect.tapError((error) =>
        Effect.map(History, ({ note }) =>
          note(user, "error", `${causeText(error)}: the subscription is not renewed`)
        )
      ),
      Effect.catchAll(failedEnrolment({ user: dossier.user, generation: command.generation }))
    )
  },
  Effect.scoped,
  (job, _user, command) =>
    Effect.catchAll(job, (error) =>
      Effect.as(Effect.logWarning(`a subscription could not be renewed: ${error.message}`), failed(command))
    )
)

/** Read past the cache, which may be a minute old. */
const lastWatermark = Effect.fnUntraced(function* (user: UserNumber, generation: number) {
  const row = yield* (yield* Storage).subscription(user)
  if (Option.isNone(row) || row.value.generation !== generation) return undefined
  return row.value.hot.watermark ?? undefined
})

/** A gateway that looks at each device by itself is told of one that it let pass; one that is told of all may find one to refuse. */
const namedTo = (check: "device" | "user", devices: ReadonlyArray<Device>, blocked: Blocked) => {
  const named = devices.filter(({ deviceId }) => deviceId !== null)
  if (check === "user") return named
  const passing = named.filter(({ device }) => blocked !== "all" && !blocked.includes(device))
  return (passing.length > 0 ? passing : named).slice(0, 1)
}

const failed = ({ generation }: Renew): EnrolResult => ({
  _tag: "Failed",
  generation,
  refused: false,
  rejected: false,
  reply: reply("SubscribeAgain", "")
})
