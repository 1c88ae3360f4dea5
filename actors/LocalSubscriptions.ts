import { Effect, Either, Exit, Layer, Option, Runtime } from "effect"
import { Ownership } from "../layers/ownership/Ownership.ts"
import { Storage, type Subscription } from "../layers/storage/Storage.ts"
import { bucketOf, type UserNumber } from "../schemas/Ids.ts"
import type { StorageError } from "../schemas/StorageError.ts"
import type { SubscriptionRequest } from "../schemas/SubscriptionMessage.ts"
import type { Envelope } from "./Callers.ts"
import { cleanRuntime } from "./CleanRuntime.ts"
import type { JobServices } from "./CommandRunner.ts"
import { loadAll } from "./Loading.ts"
import { LookUps } from "./LookUps.ts"
import { nowOf } from "./Now.ts"
import type { NudgeGate } from "./NudgeGate.ts"
import { type Kept, rest } from "./Resting.ts"
import { type Message, makeBehaviour } from "./SubscriptionActor.ts"
import { fromStored } from "./SubscriptionState.ts"
import { type ReplyOf, Subscriptions, Unavailable } from "./Subscriptions.ts"
import * as Supervisor from "./Supervisor.ts"
import type { WriteBehind } from "./WriteBehind.ts"

/** Requests for users without an actor that wait for storage at the same time; who comes then is to try again. */
const LOOK_UPS = 256
/**
 * Work in hand gets so long (ms) when the service stops. Whoever waited for it has been answered by then: the listener
 * closes first.
 */
const DRAIN = 500

/**
 * All actors in this process, one resident fiber each. Loading goes on beside serving: who is asked for before his turn
 * comes is loaded then.
 */
export const layer: Layer.Layer<Subscriptions, never, JobServices | WriteBehind | NudgeGate | Ownership> =
  Layer.scoped(
    Subscriptions,
    Effect.gen(function* () {
      const storage = yield* Storage
      const ownership = yield* Ownership
      const clock = yield* Effect.clock
      const behaviour = yield* makeBehaviour
      const supervisor = yield* Supervisor.make<Kept, Message, JobServices>(behaviour)
      const run = Runtime.runFork(yield* cleanRuntime<never>())
      let loaded = false
      let draining = false
      const lookUps = new LookUps()

      yield* Effect.addFinalizer(() =>
        Effect.zipRight(
          Effect.sync(() => {
            draining = true
          }),
          // Nothing that is under way is ours to finish after another node has taken over.
          Effect.suspend(() => supervisor.drain(ownership.role() === "standby" ? 0 : DRAIN))
        )
      )

      /** Started before their turn; by then they may be gone again. */
      const early = new Set<UserNumber>()
      const start = (row: Subscription, now: number): void => {
        if (!ownership.owns(row.bucket)) return
        supervisor.spawn(row.user, rest(fromStored(row, now)))
        for (const envelope of lookUps.end(row.user)) handOver(row.user, envelope)
      }
      yield* loadAll((row, now) => (early.has(row.user) ? undefined : start(row, now))).pipe(
        Effect.tap(() => {
          loaded = true
          early.clear()
          return Effect.logInfo(`${supervisor.count()} subscriptions loaded`)
        }),
        Effect.forkScoped
      )

      const deliver = (user: UserNumber, envelope: Envelope): void => {
        const posted = supervisor.post(user, envelope)
        if (posted === "accepted") return
        if (posted === "unknown") return awaken(user, envelope)
        if (posted === "parked") return knock(user, envelope)
        refuse(envelope, posted === "full" ? "mailbox full" : posted)
      }

      /** A parked actor gets another chance when a device asks for something; a status question is answered for it. */
      const knock = (user: UserNumber, envelope: Envelope): void => {
        const { request } = envelope
        if (request._tag === "GetStatus") return envelope.reply(parkedReply as never)
        const isDevice = request._tag !== "Callback" && request._tag !== "FlushOutbox"
        const again = isDevice && supervisor.unpark(user) ? supervisor.post(user, envelope) : "parked"
        if (again !== "accepted") refuse(envelope, again === "full" ? "mailbox full" : "parked")
      }

      /** No actor: not loaded yet, never registered, or gone. Only storage knows, and it is asked now. */
      const awaken = (user: UserNumber, envelope: Envelope): void => {
        if (draining) return refuse(envelope, "draining")
        if (lookUps.size >= LOOK_UPS) return refuse(envelope, loaded ? "mailbox full" : "starting")
        const lookUp = lookUps.join(user, envelope)
        if (lookUp === undefined) return
        // Else it is over already: an actor has come into being meanwhile.
        const isOpen = () => lookUps.isOpen(user, lookUp)
        run(
          Effect.map(Effect.either(find(user)), (found) => {
            if (isOpen()) settle(user, found)
          })
          // A defect, or an interruption: whoever asks gets an answer in any case.
        ).addObserver((exit) => {
          if (Exit.isFailure(exit) && isOpen()) for (const one of lookUps.end(user)) refuse(one, "crashed")
        })
      }

      /** What is known of the user: no such user, somebody else's, or what his actor starts from. */
      const find = Effect.fnUntraced(function* (user: UserNumber) {
        const row = yield* storage.subscription(user)
        const bucket = Option.isSome(row) ? row.value.bucket : yield* bucketOfUser(user)
        if (bucket === undefined) return "absent"
        return ownership.owns(bucket) ? row : "elsewhere"
      })

      /** Starts the user's actor, if there is such a user and he is ours, and answers those who wait for it. */
      const settle = (user: UserNumber, found: Either.Either<Found, StorageError>): void => {
        const waiting = lookUps.end(user)
        const all = (answer: (envelope: Envelope) => void) => waiting.forEach(answer)
        if (Either.isLeft(found)) return all((one) => refuse(one, "storage away"))
        if (found.right === "absent") return all((one) => one.reply(absentReply(one.request) as never))
        if (found.right === "elsewhere") return all((one) => refuse(one, "owned elsewhere"))
        const row = Option.getOrUndefined(found.right)
        if (!loaded) early.add(user)
        supervisor.spawn(user, row && rest(fromStored(row, nowOf(clock))))
        all((one) => handOver(user, one))
      }

      const handOver = (user: UserNumber, envelope: Envelope): void => {
        const posted = supervisor.post(user, envelope)
        if (posted !== "accepted") refuse(envelope, posted === "full" ? "mailbox full" : "draining")
      }

      const bucketOfUser = (user: UserNumber) =>
        Effect.map(storage.user(user), (found) =>
          Option.isSome(found) ? bucketOf(found.value.tenant, found.value.userId) : undefined
        )

      const post = <R extends SubscriptionRequest>(
        user: UserNumber,
        request: R,
        reply: (reply: ReplyOf<R> | Unavailable) => void
      ): void => deliver(user, { _tag: "Envelope", request, reply: reply as Envelope["reply"] })

      const ask = <R extends SubscriptionRequest>(
        user: UserNumber,
        request: R
      ): Effect.Effect<ReplyOf<R>, Unavailable> =>
        Effect.async((resume) => {
          post(user, request, (reply) =>
            resume(reply instanceof Unavailable ? Effect.fail(reply) : Effect.succeed(reply))
          )
        })

      return Subscriptions.of({
        post,
        ask,
        tell: (user, request) =>
          Effect.suspend(() => {
            post(user, request, () => undefined)
            return Effect.void
          }),
        count: Effect.sync(() => supervisor.count()),
        loaded: () => loaded
      })
    })
  )

type Found = "absent" | "elsewhere" | Option.Option<Subscription>

const refuse = (envelope: Envelope, reason: Unavailable["reason"]): void =>
  envelope.reply(new Unavailable({ reason }) as never)

const parkedReply = {
  code: "UserRecordPresentNotSubscribed",
  message: "",
  state: "Parked",
  lastHeartbeat: null
}

/** What someone is told about a user whom storage does not know. */
const absentReply = (request: SubscriptionRequest) => {
  switch (request._tag) {
    case "Callback":
      return "Unknown"
    case "FlushOutbox":
      return 0
    case "UpdateDeviceToken":
      return { code: "NoRecordExists", message: "no such user; register" }
    default:
      return { code: "UserSubscriptionNotFound", message: "no such user; register" }
  }
}
