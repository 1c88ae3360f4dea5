import { Context, type Effect, Schema } from "effect"
import type { UserNumber } from "../schemas/Ids.ts"
import type { Callback, CallbackReply, SubscriptionRequest } from "../schemas/SubscriptionMessage.ts"

/** The actor's mailbox is full, or this node does not (yet, or any more) own it. Try again later. */
export class Unavailable extends Schema.TaggedError<Unavailable>()("Unavailable", {
  reason: Schema.Literal(
    "starting",
    "draining",
    "mailbox full",
    "parked",
    "crashed",
    "owned elsewhere",
    "storage away",
    "standby"
  )
}) {
  override get message() {
    return `the subscription cannot be reached (${this.reason}); try again`
  }
}

/** The success type of a request. */
export type ReplyOf<R extends SubscriptionRequest> = R extends Callback
  ? CallbackReply
  : R extends Schema.WithResult.All
    ? Schema.WithResult.Success<R>
    : never

/** The one door to all subscription actors. */
export class Subscriptions extends Context.Tag("ens/Subscriptions")<
  Subscriptions,
  {
    /** Delivers the request and waits for the actor's reply. Interrupting the wait does not interrupt the actor. */
    readonly ask: <R extends SubscriptionRequest>(
      user: UserNumber,
      request: R
    ) => Effect.Effect<ReplyOf<R>, Unavailable>
    /** The same for callers outside of a fiber (the callback listener): `reply` is called exactly once. */
    readonly post: <R extends SubscriptionRequest>(
      user: UserNumber,
      request: R,
      reply: (reply: ReplyOf<R> | Unavailable) => void
    ) => void
    /** Delivers the request and does not wait. */
    readonly tell: (user: UserNumber, request: SubscriptionRequest) => Effect.Effect<void, Unavailable>
    /** How many actors live here. */
    readonly count: Effect.Effect<number>
    /** True once every subscription in storage has its actor. */
    readonly loaded: () => boolean
  }
>() {}
