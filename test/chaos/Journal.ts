import type { Attempt, Device, Ending, Facts, Interruption, Mail, Push, Span } from "./Facts.ts"

/** Something that happened to one user, in words. */
export interface Happening {
  readonly at: number
  readonly text: string
}

/** Notes everything that is seen during a run. */
export class Journal {
  readonly mails: Array<Mail> = []
  readonly devices: Array<Device> = []
  readonly pushes: Array<Push> = []
  readonly attempts = new Map<string, Array<Attempt>>()
  readonly endings = new Map<string, Array<Ending>>()
  readonly down: Array<Span> = []
  readonly interruptions: Array<Interruption> = []
  readonly replaced = new Set<string>()
  readonly faults: Array<Span & { readonly name: string }> = []
  /** By address. */
  readonly happenings = new Map<string, Array<Happening>>()
  /** The run as a whole: faults, restarts. */
  readonly story: Array<Happening> = []
  /** Broken promises that are not about a single mail. */
  readonly broken: Array<string> = []
  readonly counts = { silentPushes: 0, registrations: 0, registrationsFailed: 0, appsOpened: 0 }
  /** By subscription id: the attempts that have failed since the last OK. */
  readonly #failing = new Map<string, Array<Attempt>>()
  #unwritableSince = Number.POSITIVE_INFINITY
  readonly #told: (line: string) => void
  readonly #began = Date.now()

  constructor(told: (line: string) => void) {
    this.#told = told
  }

  tell(text: string): void {
    const at = Date.now()
    this.story.push({ at, text })
    this.#told(`${((at - this.#began) / 1000).toFixed(1).padStart(7)} s  ${text}`)
  }

  about(address: string, text: string, at = Date.now()): void {
    append(this.happenings, address, { at, text })
  }

  attempt(address: string, itemIds: ReadonlyArray<string>, attempt: Attempt): void {
    for (const itemId of itemIds) append(this.attempts, itemId, attempt)
    const { outcome, subscription } = attempt
    if (outcome === "OK" || outcome === "Unsubscribe") this.#failing.delete(subscription)
    else append(this.#failing, subscription, attempt)
    if (itemIds.length > 0 || outcome !== "OK")
      this.about(
        address,
        `callback, attempt ${attempt.attempt + 1}: ${outcome} (${attempt.until - attempt.at} ms)`,
        attempt.at
      )
  }

  ended(address: string, subscription: string, state: string): void {
    const at = Date.now()
    append(this.endings, address, {
      at,
      subscription,
      state,
      failures: this.#failing.get(subscription) ?? []
    })
    this.#failing.delete(subscription)
    this.about(address, `subscription ended: ${state}`)
  }

  /** The service cannot answer from now on; answers how to say that it can again. */
  goesDown(): () => void {
    const span = { from: Date.now(), to: Number.POSITIVE_INFINITY }
    this.down.push(span)
    return () => {
      span.to = Date.now()
    }
  }

  /** What the service may have forgotten: what it did not yet record at `from`, or since when it could not. */
  interrupted(what: string, from = Date.now(), to = Date.now()): void {
    this.interruptions.push({ what, from: Math.min(from, this.#unwritableSince), to })
  }

  /** Nothing can be recorded from now on; answers how to say that it can again. */
  unwritable(): () => void {
    this.#unwritableSince = Date.now()
    return () => {
      this.#unwritableSince = Number.POSITIVE_INFINITY
    }
  }

  /** A fault begins; answers how to say that it is over. */
  fault(name: string): () => void {
    const fault = { name, from: Date.now(), to: Number.POSITIVE_INFINITY }
    this.faults.push(fault)
    this.tell(name)
    return () => {
      fault.to = Date.now()
      this.tell(`${name}: over`)
    }
  }

  facts(outbox: ReadonlySet<string>, deadline: number): Facts {
    const { attempts, devices, down, endings, interruptions, mails, pushes, replaced } = this
    return { attempts, deadline, devices, down, endings, interruptions, mails, outbox, pushes, replaced }
  }
}

const append = <K, A>(map: Map<K, Array<A>>, key: K, value: A): void => {
  const known = map.get(key)
  if (known === undefined) map.set(key, [value])
  else known.push(value)
}
