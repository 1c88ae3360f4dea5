import { Effect, Option } from "effect"
import { mailboxFingerprint, sameMailbox } from "../../layers/crypto/MailboxFingerprint.ts"
import { Autodiscover } from "../../layers/ews/Autodiscover.ts"
import { EndpointPolicy, EwsUrlNotAllowed } from "../../layers/ews/EndpointPolicy.ts"
import { Ews } from "../../layers/ews/Ews.ts"
import { type LogInBudget, registrationBudget } from "../../layers/ews/LogInBudget.ts"
import { type Device, type NewDevice, Storage } from "../../layers/storage/Storage.ts"
import type { UserNumber } from "../../schemas/Ids.ts"
import type { Register } from "../../schemas/SubscriptionMessage.ts"
import { type Dossier, Dossiers } from "../Dossiers.ts"
import { now } from "../Now.ts"
import type { DeskResult } from "../SubscriptionProtocol.ts"
import { UserGate } from "../UserGate.ts"
import { accountFor, type Mailbox } from "./Account.ts"
import { DEFAULT_VERSION } from "./AskedVersion.ts"
import { explain, notStored, reply } from "./DeviceReplies.ts"
import { enrolJob, INBOX_TIMEOUT } from "./EnrolJob.ts"

/** At most so many devices a user; the one that registered longest ago makes room. */
const DEVICES_MAX = 20

/** Milliseconds for finding the mailbox; what is left of the 30 s that a device waits is for the calls. */
const AUTODISCOVER_TIMEOUT = 10_000

/**
 * Serves a registration: with a new subscription (`generation` > 0), or by proving that the credentials of *this*
 * request open the mailbox that is subscribed, and storing the device. A failed proof changes nothing.
 */
export const registerJob = Effect.fnUntraced(
  function* (user: UserNumber, request: Register, generation: number) {
    const dossier = Option.getOrUndefined(yield* (yield* Dossiers).of(user))
    if (dossier === undefined) {
      return answer(
        reply("InvalidDecryptedPayload", "the user was forgotten meanwhile; get the public key again")
      )
    }
    const device: NewDevice = { ...request.device, registeredAt: yield* now }
    const budget = registrationBudget()
    const ewsUrl = yield* locate(dossier, request, budget)
    const mailbox: Mailbox = {
      ewsUrl,
      exchangeVersion: request.exchangeVersion ?? DEFAULT_VERSION,
      authType: request.authType
    }
    if (generation === 0) return yield* prove(dossier, request, device, mailbox, budget)
    const enrolled: DeskResult = yield* enrolJob({
      user: dossier.user,
      tenant: dossier.tenant,
      mailbox,
      generation,
      credentials: request.credentials,
      budget,
      devices: devicesOf(request),
      tokenExpiresAt: request.tokenExpiresAt,
      device,
      activityId: request.activityId
    })
    if (enrolled._tag === "Subscribed") yield* Effect.ignoreLogged(makeRoom(dossier, device))
    return enrolled
  },
  Effect.catchTags({
    StorageError: () => Effect.succeed(answer(notStored)),
    EwsUrlNotAllowed: (error) => Effect.succeed(answer(reply("EWSUrlMismatch", error.message))),
    EwsUrlUnknown: (error) =>
      Effect.succeed(
        answer(reply(error.answered ? "FailedToGetEwsUrlFromAutoDiscovery" : "SubscribeAgain", error.message))
      )
  }),
  Effect.catchAll((error) => explain(error, answer))
)

const answer = (given: ReturnType<typeof reply>): DeskResult => ({ _tag: "Answer", reply: given })

const prove = Effect.fnUntraced(function* (
  dossier: Dossier,
  request: Register,
  device: NewDevice,
  mailbox: Mailbox,
  budget: LogInBudget
) {
  const { user, tenant } = dossier
  const account = yield* accountFor(tenant, mailbox, {
    user: user.user,
    credentials: request.credentials,
    budget,
    devices: devicesOf(request),
    activityId: request.activityId
  })
  const inbox = yield* Effect.flatMap(Ews, (ews) => ews.session(account)).pipe(
    Effect.flatMap((exchange) => exchange.inbox(INBOX_TIMEOUT)),
    Effect.scoped,
    (yield* UserGate).through(user.user)
  )
  const found = yield* mailboxFingerprint(user.tenant, user.user, inbox.folderId)
  if (!sameMailbox(user.fingerprint, found)) return { _tag: "NeedsSubscription" } satisfies DeskResult
  const known = dossier.devices.find((other) => other.token === device.token)
  if (known === undefined) yield* makeRoom(dossier, device)
  yield* (yield* Storage).saveDevice(user.user, device)
  yield* (yield* Dossiers).forget(user.user)
  return answer(reply(known !== undefined && isSame(known, device) ? "Success" : "UserAlreadySubscribed", ""))
})

const devicesOf = ({ device }: Register) => (device.deviceId === null ? [] : [device.deviceId])

/**
 * The EWS URL to use: the one that the policy chooses, else what Autodiscover says. Where only Autodiscover can tell
 * whether the device's own URL is right, its host must be the same.
 */
const locate = Effect.fnUntraced(function* (dossier: Dossier, request: Register, budget: LogInBudget) {
  const choice = yield* (yield* EndpointPolicy).choose(dossier.tenant, request.ewsUrl)
  if (choice._tag === "Endpoint") return choice.endpoint.url
  const caller = {
    user: dossier.user.user,
    authType: request.authType,
    credentials: request.credentials,
    budget,
    activityId: request.activityId,
    devices: devicesOf(request)
  }
  const { endpoint } = yield* (yield* Autodiscover).find(dossier.tenant, caller, AUTODISCOVER_TIMEOUT)
  if (choice.wanted === undefined) return endpoint.url
  const wanted = new URL(choice.wanted)
  if (wanted.host !== new URL(endpoint.url).host) return yield* new EwsUrlNotAllowed({ host: wanted.host })
  return wanted.href
})

const makeRoom = Effect.fnUntraced(function* ({ user, devices }: Dossier, device: NewDevice) {
  if (devices.length < DEVICES_MAX || devices.some((other) => other.token === device.token)) return
  const oldest = devices.reduce((a, b) => (b.registeredAt < a.registeredAt ? b : a))
  yield* Effect.logInfo("a user has too many devices; the one that registered longest ago is removed", {
    device: oldest.device
  })
  yield* (yield* Storage).deleteDevice(user.user, oldest)
})

const isSame = (known: Device, device: NewDevice): boolean =>
  known.platform === device.platform &&
  known.bundleId === device.bundleId &&
  known.deviceId === device.deviceId &&
  known.policy === device.policy &&
  known.sound === device.sound &&
  known.environment === device.environment
