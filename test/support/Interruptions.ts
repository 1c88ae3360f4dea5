import { Effect, Fiber, FiberId, Option } from "effect"

/**
 * Interrupts a fiber at one of its await points: at the n-th call of the services that were wrapped, before the call gets
 * anywhere or after it was done. Counting goes on from call to call; nothing happens while `at` is 0.
 */
export class Interruptions {
  /** Number of the call at which the fiber is interrupted, once. */
  at = 0
  when: "before" | "after" = "before"
  /** What was called so far while counting, in order. */
  readonly seen: Array<string> = []
  counting = false
  readonly #passed: ReadonlySet<string>

  /** `passed`: members that belong to nobody's work in particular, and are not counted. */
  constructor(passed: ReadonlyArray<string>) {
    this.#passed = new Set(passed)
  }

  wrap<S extends object>(service: S): S {
    const members = Object.entries(service).map(([name, member]) => {
      if (this.#passed.has(name)) return [name, member]
      if (Effect.isEffect(member)) return [name, this.#point(name, member as AnyEffect)]
      if (typeof member !== "function") return [name, member]
      return [
        name,
        (...parameters: ReadonlyArray<unknown>) => {
          const isPlain = parameters.some((parameter) => typeof parameter === "function")
          if (isPlain) return this.#pointNow(name, () => member(...parameters))
          const result: unknown = member(...parameters)
          return Effect.isEffect(result) ? this.#point(name, result as AnyEffect) : result
        }
      ]
    })
    return Object.fromEntries(members) as S
  }

  /** Of a call that answers by a callback, and is made within the fiber. */
  #pointNow(name: string, call: () => unknown): unknown {
    const isHere = this.counting && this.seen.push(name) === this.at
    if (isHere && this.when === "before") interruptCurrent()
    const result = call()
    if (isHere && this.when === "after") interruptCurrent()
    return result
  }

  #point(name: string, effect: AnyEffect): AnyEffect {
    return Effect.suspend(() => {
      if (!this.counting) return effect
      this.seen.push(name)
      if (this.seen.length !== this.at) return effect
      return this.when === "before"
        ? Effect.zipRight(interruptSelf, effect)
        : Effect.zipLeft(effect, interruptSelf)
    })
  }
}

type AnyEffect = Effect.Effect<unknown, unknown, unknown>

/** From outside, as a stop does it: what may not be interrupted goes on. */
const interruptSelf = Effect.withFiberRuntime<void>((fiber) => {
  fiber.unsafeInterruptAsFork(FiberId.none)
  return Effect.yieldNow()
})

const interruptCurrent = (): void =>
  Option.match(Fiber.getCurrentFiber(), {
    onNone: () => undefined,
    onSome: (fiber) => fiber.unsafeInterruptAsFork(FiberId.none)
  })
