/** When many actors crash at once the cause is shared, and restarting them all would only make it worse. */
export interface CircuitOptions {
  /** Opens when more different actors than this, and than `fraction` of all, crash within `window` ms. */
  readonly least: number
  readonly fraction: number
  readonly window: number
  /** While open, one actor restarts at a time; once one lives for this many ms the circuit closes. */
  readonly survive: number
  /** Pause before the next probe in ms: doubling with every probe that crashed. */
  readonly pause: { readonly least: number; readonly most: number }
  /** Restarts a second of what was held, once it is closed. */
  readonly rate: number
}

/** What the circuit needs of the world. */
export interface CircuitHooks<C> {
  readonly restart: (actor: C) => void
  /** True if the actor is up (not still loading). */
  readonly isUp: (actor: C) => boolean
  readonly hold: (actor: C) => void
  /** Has `due` called at this time, instead of an earlier appointment. */
  readonly arm: (due: number) => void
  readonly count: () => number
  readonly changed: (open: boolean) => void
}

/** The global restart intensity: decides when a crashed actor may restart. Times are in ms on one time line. */
export class RestartCircuit<C> {
  private readonly options: CircuitOptions
  private readonly hooks: CircuitHooks<C>
  /** When each actor crashed last, oldest first. */
  private readonly recent = new Map<C, number>()
  private readonly held = new Set<C>()
  private open = false
  private probe: C | undefined = undefined
  private failedProbes = 0
  /** An appointment is made and `due` will be called. */
  private appointed = false

  constructor(options: CircuitOptions, hooks: CircuitHooks<C>) {
    this.options = options
    this.hooks = hooks
  }

  get isOpen(): boolean {
    return this.open
  }

  /** An actor crashed. */
  crashed(actor: C, now: number): void {
    this.recent.delete(actor)
    this.recent.set(actor, now)
    this.forgetOld(now)
    if (this.probe === actor) {
      this.probe = undefined
      this.failedProbes++
      this.appoint(now + this.probePause())
      return
    }
    const most = Math.max(this.options.least, this.options.fraction * this.hooks.count())
    if (this.open || this.recent.size <= most) return
    this.open = true
    this.failedProbes = 0
    this.hooks.changed(true)
    this.appoint(now + this.probePause())
  }

  /** An actor wants to restart: it does so at once, or is held until its turn comes. */
  admit(actor: C, now: number): void {
    if (!this.open && this.held.size === 0) {
      this.hooks.restart(actor)
      return
    }
    this.held.add(actor)
    this.hooks.hold(actor)
    if (!this.appointed) this.appoint(now + (this.open ? this.probePause() : RELEASE_EVERY))
  }

  /** The actor is gone. */
  forget(actor: C, now: number): void {
    this.recent.delete(actor)
    this.held.delete(actor)
    if (this.probe !== actor) return
    this.probe = undefined
    this.appoint(now)
  }

  /** The time that was asked for by `arm` has come. */
  due(now: number): void {
    this.appointed = false
    this.forgetOld(now)
    if (!this.open) this.release(now)
    else if (this.probe !== undefined && this.hooks.isUp(this.probe)) this.close(now)
    else if (this.held.size > 0) this.tryNext(now)
    else if (this.probe === undefined && this.recent.size === 0) this.close(now)
    else this.appoint(now + this.options.window)
  }

  /** The probe is no longer loading. */
  up(actor: C, now: number): void {
    if (this.open && this.probe === actor) this.appoint(now + this.options.survive)
  }

  /** A probe that is still loading proves nothing: it goes on, and the next one is tried beside it. */
  private tryNext(now: number): void {
    const probe = this.next()!
    this.probe = probe
    this.appoint(now + this.options.survive)
    this.hooks.restart(probe)
  }

  private close(now: number): void {
    this.open = false
    this.probe = undefined
    // Else the next single crash would open it again for what is already over.
    this.recent.clear()
    this.hooks.changed(false)
    this.release(now)
  }

  private release(now: number): void {
    const batch = Math.max(1, Math.round((this.options.rate * RELEASE_EVERY) / 1000))
    for (let i = 0; i < batch && !this.open; i++) {
      const actor = this.next()
      if (actor === undefined) return
      this.hooks.restart(actor)
    }
    if (!this.open && this.held.size > 0) this.appoint(now + RELEASE_EVERY)
  }

  private next(): C | undefined {
    for (const actor of this.held) {
      this.held.delete(actor)
      return actor
    }
    return undefined
  }

  private appoint(due: number): void {
    this.appointed = true
    this.hooks.arm(due)
  }

  private probePause(): number {
    const { least, most } = this.options.pause
    return Math.min(most, least * 2 ** Math.min(this.failedProbes, 20))
  }

  private forgetOld(now: number): void {
    for (const [actor, time] of this.recent) {
      if (time > now - this.options.window) return
      this.recent.delete(actor)
    }
  }
}

/** ms between two batches of released actors. */
const RELEASE_EVERY = 100
