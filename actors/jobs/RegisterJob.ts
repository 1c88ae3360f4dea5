import { Effect, Option } from "effect"
import { mailboxFingerprint, sameMailbox } from "../../layers/crypto/MailboxFingerprint.ts"
import type { EwsUrlUnknown } from "../../layers/ews/EndpointPolicy.ts"
import { type LogInBudget, registrationBudget } from "../../layers/ews/LogInBudget.ts"
import { persistently } from "../../layers/ews/Persistence.ts"
import { withSession } from "../../layers/ews/WithSession.ts"
import { type NewDevice, Storage } from "../../layers/storage/Storage.ts"
import { warnOf } from "../../layers/telemetry/TroubleLog.ts"
import type { EwsError } from "../../schemas/EwsError.ts"
import type { UserNumber } from "../../schemas/Ids.ts"
import { effectivePolicy } from "../../schemas/MailPolicy.ts"
import { Settings } from "../../schemas/Settings.ts"
import type { Register } from "../../schemas/SubscriptionMessage.ts"
import { changing, type Dossier, Dossiers } from "../Dossiers.ts"
import type { DeskResult } from "../JobResults.ts"
import { now } from "../Now.ts"
import type { Command } from "../SubscriptionProtocol.ts"
import { UserGate } from "../UserGate.ts"
import { accountFor, type Mailbox } from "./Account.ts"
import { DEFAULT_VERSION } from "./AskedVersion.ts"
import { explain, notStored, reply } from "./DeviceReplies.ts"
import { failedEnrolment } from "./EnrolFailure.ts"
import { enrol } from "./EnrolJob.ts"
import { devicesOf, locate, type Place } from "./Locate.ts"
import { isSameDevice, makeRoom } from "./RegisteredDevices.ts"
import { noteOutcome, remembering, type Trouble } from "./RegistrationOutcome.ts"
import { forgetUrl, isUrlTrouble } from "./UrlTrouble.ts"

/** With less than this left of the time that a device waits, nothing is begun at Exchange. */
const LEAST_TIME = 3_000

export type RegisterCommand = Pick<
  Extract<Command, { readonly _tag: "Desk" }>,
  "generation" | "since" | "until"
>

interface Registration extends RegisterCommand {
  readonly request: Register
  readonly dossier: Dossier
  readonly device: NewDevice
  readonly budget: LogInBudget
}

/**
 * Serves a registration: with a new subscription (`generation` > 0), or by proving that the credentials of *this*
 * request open the mailbox that is subscribed, and storing the device. A failed proof changes nothing.
 */
export const registerJob = (user: UserNumber, request: Register, command: RegisterCommand) =>
  Effect.suspend(() => {
    const trouble: Trouble = {}
    return Effect.tap(serve(user, request, command, trouble), (result) => noteOutcome(user, result, trouble))
  })

const serve = Effect.fnUntraced(
  function* (user: UserNumber, request: Register, command: RegisterCommand, trouble: Trouble) {
    const at = yield* now
    if (command.until - at < LEAST_TIME) return answer(tooLate)
    const dossier = Option.getOrUndefined(yield* (yield* Dossiers).of(user))
    if (dossier === undefined) {
      return answer(
        reply("InvalidDecryptedPayload", "the user was forgotten meanwhile; get the public key again")
      )
    }
    const device: NewDevice = { ...request.device, registeredAt: at }
    const { generation, since, until } = command
    const registration: Registration = {
      generation,
      since,
      until,
      request,
      dossier,
      device,
      budget: registrationBudget()
    }
    const place = yield* locate(dossier, request, registration.budget, until)
    if (place.seg && device.deviceId === null) return answer(unnamed)
    if (generation === 0) return yield* wherever(registration, place, prove)
    const enrolled: DeskResult = yield* wherever(registration, place, subscribe).pipe(
      remembering(trouble),
      Effect.catchAll(failedEnrolment({ user: dossier.user, generation }))
    )
    if (enrolled._tag === "Subscribed") yield* Effect.ignoreLogged(makeRoom(dossier, device))
    return enrolled
  },
  (job, _user, _request, _command, trouble) => remembering(trouble)(job),
  Effect.catchTags({
    StorageError: () => Effect.succeed(answer(notStored)),
    EwsUrlNotAllowed: (error) =>
      Effect.as(
        warnOf(error, `subscribing failed: ${error.message}`),
        answer(reply("EWSUrlMismatch", error.message))
      ),
    EwsUrlUnknown: (error) => Effect.succeed(answer(notFound(error)))
  }),
  Effect.catchAll((error) => explain(error, answer))
)

const answer = (given: ReturnType<typeof reply>): DeskResult => ({
  _tag: "Answer",
  reply: given,
  proven: undefined
})

const tooLate = reply("SubscribeAgain", "other registrations of this user took all the time; try again", {
  retryAfterSeconds: 60
})

const unnamed = reply(
  "Failed",
  "deviceId is missing: a Secure Email Gateway stands before this Exchange and must be told the device's UEM id"
)

const notFound = ({ answered, message, retryAfter = 0 }: EwsUrlUnknown) =>
  reply(
    answered ? "FailedToGetEwsUrlFromAutoDiscovery" : "SubscribeAgain",
    message,
    retryAfter > 0 ? { retryAfterSeconds: Math.ceil(retryAfter / 1000) } : {}
  )

/** Where Autodiscover led to, and if that is no good any more where it leads to now. */
const wherever = <A, E extends { readonly _tag: string }, R>(
  registration: Registration,
  place: Place,
  attempt: (registration: Registration, place: Place) => Effect.Effect<A, E | EwsError, R>
) => {
  const { budget, dossier, request, until } = registration
  return attempt(registration, place).pipe(
    Effect.catchIf(
      (error): error is EwsError => place.discovered && isEwsError(error) && isUrlTrouble(error),
      (error) =>
        forgetUrl(dossier.tenant, place.ewsUrl, error).pipe(
          Effect.zipRight(Effect.option(locate(dossier, request, budget, until))),
          Effect.flatMap(
            Option.match({
              onNone: () => Effect.fail(error),
              onSome: (other) =>
                other.ewsUrl === place.ewsUrl ? Effect.fail(error) : attempt(registration, other)
            })
          )
        )
    )
  )
}

const isEwsError = (error: { readonly _tag: string }): error is EwsError =>
  error._tag.startsWith("Ews") && error._tag !== "EwsUrlNotAllowed"

const mailboxAt = ({ ewsUrl, version }: Place, request: Register): Mailbox => ({
  ewsUrl,
  exchangeVersion: request.exchangeVersion ?? version ?? DEFAULT_VERSION,
  authType: request.authType
})

const subscribe = Effect.fnUntraced(function* (registration: Registration, place: Place) {
  const { budget, device, dossier, generation, request, since, until } = registration
  const { minPolicy } = yield* Settings
  const others = dossier.devices.filter(({ token }) => token !== device.token)
  return yield* enrol({
    user: dossier.user,
    tenant: dossier.tenant,
    mailbox: mailboxAt(place, request),
    generation,
    credentials: request.credentials,
    budget,
    devices: devicesOf(request),
    known: [],
    policies: [device, ...others].map(({ policy }) => effectivePolicy(policy, minPolicy)),
    tokenExpiresAt: request.tokenExpiresAt,
    device,
    watermark: undefined,
    since,
    until,
    activityId: request.activityId
  })
})

const prove = Effect.fnUntraced(function* (registration: Registration, place: Place) {
  const { budget, device, dossier, request, until } = registration
  const { tenant, user } = dossier
  const account = yield* accountFor(tenant, mailboxAt(place, request), {
    user: user.user,
    credentials: request.credentials,
    budget,
    devices: devicesOf(request),
    activityId: request.activityId
  })
  const { through } = yield* UserGate
  // A session for each try, so that the user's other calls have their turn in the pauses.
  const inbox = yield* persistently({ until }, (left) =>
    withSession(account, (exchange) => exchange.inbox(left)).pipe(through(user.user))
  )
  const found = yield* mailboxFingerprint(user.tenant, user.user, inbox.folderId)
  if (!sameMailbox(user.fingerprint, found)) return { _tag: "NeedsSubscription" } satisfies DeskResult
  const known = dossier.devices.find((other) => other.token === device.token)
  if (known === undefined) yield* makeRoom(dossier, device)
  const saved = yield* (yield* Storage).saveDevice(user.user, device).pipe(changing(user.user))
  return {
    _tag: "Answer",
    reply: reply(
      known !== undefined && isSameDevice(known, device) ? "Success" : "UserAlreadySubscribed",
      ""
    ),
    proven: saved.device
  } satisfies DeskResult
})
