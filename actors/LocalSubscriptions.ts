import { Effect, Either, Exit, Layer, Option, Runtime, Schedule } from "effect"
import { Storage } from "../layers/storage/Storage.ts"
import { bucketOf, type UserNumber } from "../schemas/Ids.ts"
import type { SubscriptionRequest } from "../schemas/SubscriptionMessage.ts"
import type { Envelope } from "./Callers.ts"
import { cleanRuntime } from "./CleanRuntime.ts"
import type { JobServices } from "./CommandRunner.ts"
import { nowOf } from "./Now.ts"
import type { NudgeGate } from "./NudgeGate.ts"
import { Ownership } from "./Ownership.ts"
import { type Message, makeBehaviour } from "./SubscriptionActor.ts"
import { fromStored, type State } from "./SubscriptionState.ts"
import { type ReplyOf, Subscriptions, Unavailable } from "./Subscriptions.ts"
import * as Supervisor from "./Supervisor.ts"
import type { WriteBehind } from "./WriteBehind.ts"

const PAGE = 1_000
/** Pages are read again after this pause when storage fails while loading. */
const RELOAD_AFTER = "2 seconds"
/**
 * Work in hand gets so long (ms) when the service stops. Whoever waited for it has been answered by then: the listener
 * closes first.
 */
const DRAIN = 500

/**
 * All actors in this process, one resident fiber each. Loading goes on beside serving: until it is done, an actor that is
 * not there yet answers `starting`, because nobody may be told `Unsubscribe` by a node that does not know yet.
 */
export const layer: Layer.Layer<Subscriptions, never, JobServices | WriteBehind | NudgeGate | Ownership> =
  Layer.scoped(
    Subscriptions,
    Effect.gen(function* () {
      const storage = yield* Storage
      const ownership = yield* Ownership
      const clock = yield* Effect.clock
      const behaviour = yield* makeBehaviour
      const supervisor = yield* Supervisor.make<State, Message, JobServices>(behaviour)
      const run = Runtime.runFork(yield* cleanRuntime<never>())
      let loaded = false
      let draining = false

      yield* Effect.addFinalizer(() =>
        Effect.zipRight(
          Effect.sync(() => {
            draining = true
          }),
          supervisor.drain(DRAIN)
        )
      )

      const load = Effect.gen(function* () {
        let after: UserNumber | undefined
        for (;;) {
          const page = yield* storage.subscriptions(after, PAGE)
          const now = nowOf(clock)
          for (const row of page.rows) {
            if (ownership.owns(row.bucket)) supervisor.spawn(row.user, fromStored(row, now))
          }
          after = page.next
          if (after === undefined) break
          yield* Effect.yieldNow()
        }
        loaded = true
        yield* Effect.logInfo(`${supervisor.count()} subscriptions loaded`)
      })
      yield* load.pipe(
        Effect.tapError((error) =>
          Effect.logError("subscriptions cannot be loaded; trying again", { reason: error.message })
        ),
        Effect.retry(Schedule.spaced(RELOAD_AFTER)),
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

      /** No actor: a user who never registered, or who is gone. Only storage knows, and it is asked now. */
      const awaken = (user: UserNumber, envelope: Envelope): void => {
        if (draining) return refuse(envelope, "draining")
        if (!loaded) return refuse(envelope, "starting")
        run(
          Effect.map(Effect.either(storage.user(user)), (found) => {
            if (Either.isLeft(found)) return refuse(envelope, "storage away")
            if (Option.isNone(found.right)) return envelope.reply(absentReply(envelope.request) as never)
            const { tenant, userId } = found.right.value
            if (!ownership.owns(bucketOf(tenant, userId))) return refuse(envelope, "owned elsewhere")
            supervisor.spawn(user)
            const posted = supervisor.post(user, envelope)
            if (posted !== "accepted") refuse(envelope, posted === "full" ? "mailbox full" : "draining")
          })
          // A defect, or an interruption: whoever asks gets an answer in any case.
        ).addObserver((exit) => {
          if (Exit.isFailure(exit)) refuse(envelope, "crashed")
        })
      }

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
