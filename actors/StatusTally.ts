import { Status } from "./Cell.ts"
import { actors, setGauge } from "./SupervisorMetrics.ts"

/** How many actors are in which status. What is stopped is gone. */
export class StatusTally {
  private readonly counts = [0, 0, 0, 0, 0, 0]

  enter(status: Status): void {
    this.add(status, 1)
  }

  move(from: Status, to: Status): void {
    if (from === to) return
    this.add(from, -1)
    this.add(to, 1)
  }

  of(status: Status): number {
    return this.counts[status] ?? 0
  }

  private add(status: Status, by: number): void {
    if (status === Status.Stopped) return
    const count = this.of(status) + by
    this.counts[status] = count
    setGauge(actors[status], count)
  }
}
