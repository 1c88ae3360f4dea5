import type { Fiber, Scheduler } from "effect"

/**
 * Runs the turns of all resident fibers from one queue, in slices between which I/O is served: a burst that wakes
 * 100,000 actors must not keep a health check waiting. Effect's own scheduler keeps a runner for every fiber it ever
 * woke (about 300 bytes each) and runs all that is ready before any I/O.
 */
export class ActorScheduler implements Scheduler.Scheduler {
  private ready: Array<Scheduler.Task> = []
  private at = 0
  private scheduled = false

  shouldYield(fiber: Fiber.RuntimeFiber<unknown, unknown>): number | false {
    return fiber.currentOpCount > OPERATIONS ? 0 : false
  }

  scheduleTask(task: Scheduler.Task): void {
    this.ready.push(task)
    if (this.scheduled) return
    this.scheduled = true
    queueMicrotask(this.slice)
  }

  private readonly slice = (): void => {
    try {
      for (let left = SLICE; left > 0 && this.at < this.ready.length; left--) this.ready[this.at++]!()
    } finally {
      this.goOn()
    }
  }

  private goOn(): void {
    if (this.at === this.ready.length) {
      this.ready = []
      this.at = 0
      this.scheduled = false
      return
    }
    if (this.at >= KEEP) {
      this.ready = this.ready.slice(this.at)
      this.at = 0
    }
    setImmediate(this.slice)
  }
}

/** Of one fiber before others have their turn: Effect's own number. Looking it up each time costs more than comparing. */
const OPERATIONS = 2048

/** Turns between two looks at I/O. A turn may start a job, which runs before I/O, too: some milliseconds all in all. */
const SLICE = 32

/** Tasks that ran are let go after so many, while a long queue is still being worked off. */
const KEEP = 16_384
