import { Context, Effect, Layer } from "effect"
import { Subscriptions, type Unavailable } from "../../actors/Subscriptions.ts"
import type { UserNumber } from "../../schemas/Ids.ts"
import type { SubscriptionRequest } from "../../schemas/SubscriptionMessage.ts"

/** What an actor would answer, whatever the request. */
export type ScriptedReply = Effect.Effect<unknown, Unavailable>

/** The handle on `Subscriptions` without actors: requests are recorded, replies come from the test. */
export class SubscriptionScript extends Context.Tag("ens/test/SubscriptionScript")<
  SubscriptionScript,
  {
    readonly requests: ReadonlyArray<{ readonly user: UserNumber; readonly request: SubscriptionRequest }>
    /** Replies to every request of this kind from now on; a kind without a reply is a defect. */
    readonly reply: (tag: SubscriptionRequest["_tag"], reply: ScriptedReply) => void
    readonly setLoaded: (loaded: boolean) => void
  }
>() {}

export const layer: Layer.Layer<Subscriptions | SubscriptionScript> = Layer.effectContext(
  Effect.sync(() => {
    const requests: Array<{ user: UserNumber; request: SubscriptionRequest }> = []
    const replies = new Map<SubscriptionRequest["_tag"], ScriptedReply>()
    let loaded = true
    const handle = (user: UserNumber, request: SubscriptionRequest): ScriptedReply =>
      Effect.suspend(() => {
        requests.push({ user, request })
        return replies.get(request._tag) ?? Effect.dieMessage(`no reply was scripted for ${request._tag}`)
      })
    const service = {
      ask: handle,
      post: (user: UserNumber, request: SubscriptionRequest, reply: (reply: unknown) => void) =>
        void Effect.runFork(Effect.merge(handle(user, request)).pipe(Effect.map(reply))),
      tell: (user: UserNumber, request: SubscriptionRequest) => Effect.asVoid(handle(user, request)),
      count: Effect.succeed(3),
      loaded: () => loaded
    }
    return Context.make(SubscriptionScript, {
      requests,
      reply: (tag, reply) => void replies.set(tag, reply),
      setLoaded: (is) => {
        loaded = is
      }
    }).pipe(
      // The type of a reply follows from the request's, which a script cannot know.
      Context.add(Subscriptions, service as unknown as Subscriptions["Type"])
    )
  })
)
