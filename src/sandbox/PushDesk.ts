import { Effect, type Scope } from "effect"
import { Changes } from "./Changes.ts"
import type { PushFault, PushFaultAnswer, PushFaultOf } from "./PushFaults.ts"
import { Recorder } from "./Recorder.ts"
import { Script } from "./Script.ts"
import { Timers } from "./Timers.ts"

/** What a phone gets. */
export interface TakenPush {
  readonly at: Date
  readonly deviceToken: string
  readonly deviceType: "iOS" | "Android"
  readonly payload: unknown
  /** How it is to be treated on its way, in the service's words: urgency, life, what it replaces. */
  readonly options: Readonly<Record<string, unknown>>
}

/** One request as it came, and what it got. */
export interface PushRequestSeen {
  readonly at: Date
  /** 0 = the connection was cut instead. */
  readonly status: number
  /** Why it was refused; "" if it was not. */
  readonly reason: string
  /** "" if it names none. */
  readonly deviceToken: string
  /** What was wanted, where that is not always the same. */
  readonly action?: string
}

/** What becomes of a request by script. */
export type PushTrouble = PushFaultAnswer | PushFaultOf<"cut">

/** What all stand-ins of push services keep, whatever they speak: the script, and what has come. */
export interface PushDesk {
  /** The latest notifications taken, oldest first. */
  readonly received: () => ReadonlyArray<TakenPush>
  readonly requests: () => ReadonlyArray<PushRequestSeen>
  /** Called for every notification as it is taken; answers how to stop. */
  readonly onNotification: (listener: (notification: TakenPush) => void) => () => void
  /** Called for every request as it is answered; answers how to stop. */
  readonly onRequest: (listener: (request: PushRequestSeen) => void) => () => void
  readonly addFault: (fault: PushFault) => Effect.Effect<void>
  readonly clearFaults: Effect.Effect<void>
  /** Waits until `condition` holds; it is asked again after every request. */
  readonly until: (condition: () => boolean) => Effect.Effect<void>
}

/** The side of it on which requests come in. */
export interface PushClerk {
  readonly timers: Timers
  /** Waits as long as the script says. */
  readonly delay: (deviceToken: string) => Promise<void>
  /** What the script says to a request; without kinds, any. One of its times is used up. */
  readonly trouble: (deviceToken: string, kinds?: ReadonlySet<PushTrouble["kind"]>) => PushTrouble | undefined
  /** A notification is for a phone. */
  readonly take: (notification: Omit<TakenPush, "at">) => void
  /** A request is answered. */
  readonly record: (request: Omit<PushRequestSeen, "at">) => void
}

/** A request, and how its service deals with it; `A` is what can be done with one. */
export interface PushRequest<A> {
  readonly deviceToken: string
  readonly action?: string
  /** The troubles that it can have; without it, any. */
  readonly kinds?: ReadonlySet<PushTrouble["kind"]>
  /** Does what is asked. */
  readonly honest: () => A
  /** How the service says it. */
  readonly inWords: (fault: PushFaultAnswer) => A
  readonly describe: (act: A) => { readonly status: number; readonly reason: string }
}

/** Deals with a request as the script says, and keeps what it got. */
export const attend = async <A>(clerk: PushClerk, request: PushRequest<A>): Promise<A | "cut"> => {
  const { action, describe, deviceToken, honest, inWords, kinds } = request
  await clerk.delay(deviceToken)
  const trouble = clerk.trouble(deviceToken, kinds)
  const isCut = trouble?.kind === "cut"
  const act = trouble === undefined || isCut ? honest() : inWords(trouble)
  const { reason, status } = describe(act)
  clerk.record({
    deviceToken,
    status: isCut ? 0 : status,
    reason: reason === "" && trouble !== undefined ? "scripted" : reason,
    ...(action === undefined ? {} : { action })
  })
  return isCut ? "cut" : act
}

/** On the real clock; what waits ends with the scope. */
export const openDesk: Effect.Effect<
  { readonly desk: PushDesk; readonly clerk: PushClerk },
  never,
  Scope.Scope
> = Effect.gen(function* () {
  const script = new Script<PushFault>()
  const received = new Recorder<TakenPush>(MAX_KEPT)
  const requests = new Recorder<PushRequestSeen>(MAX_KEPT)
  const listeners = new Set<(notification: TakenPush) => void>()
  const changes = new Changes()
  const timers = new Timers()
  yield* Effect.addFinalizer(() => Effect.sync(() => timers.close()))
  const concerns = (fault: PushFault, deviceToken: string) =>
    fault.deviceToken === undefined || fault.deviceToken === deviceToken
  return {
    desk: {
      received: () => received.all(),
      requests: () => requests.all(),
      onNotification: (listener) => {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
      onRequest: (listener) => requests.listen(listener),
      addFault: (fault) => Effect.sync(() => script.add(fault)),
      clearFaults: Effect.sync(() => script.clear()),
      until: (condition) => changes.until(condition)
    },
    clerk: {
      timers,
      delay: async (deviceToken) => {
        const slow = script.take(
          (fault): fault is PushFaultOf<"slow"> => fault.kind === "slow" && concerns(fault, deviceToken)
        )
        if (slow !== undefined) await timers.sleep(slow.milliseconds)
      },
      trouble: (deviceToken, kinds) =>
        script.take(
          (fault): fault is PushTrouble =>
            fault.kind !== "slow" && (kinds?.has(fault.kind) ?? true) && concerns(fault, deviceToken)
        ),
      take: (notification) => {
        const taken = { at: new Date(), ...notification }
        received.add(taken)
        for (const listener of [...listeners]) listener(taken)
      },
      record: (request) => {
        requests.add({ at: new Date(), ...request })
        changes.signal()
      }
    }
  }
})

const MAX_KEPT = 10_000
