import { describe, expect, it } from "vitest"
import { ActorScheduler } from "../../actors/ActorScheduler.ts"

const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

describe("the actors' scheduler", () => {
  it("runs tasks in order, also those that tasks add", async () => {
    const scheduler = new ActorScheduler()
    const ran: Array<number> = []
    scheduler.scheduleTask(() => {
      ran.push(1)
      scheduler.scheduleTask(() => ran.push(3))
    })
    scheduler.scheduleTask(() => ran.push(2))
    await nextTurn()
    expect(ran).toEqual([1, 2, 3])
  })

  it("serves I/O between slices of a long queue, and forgets nothing", async () => {
    const scheduler = new ActorScheduler()
    let ran = 0
    for (let i = 0; i < 50_000; i++) scheduler.scheduleTask(() => ran++)
    await nextTurn()
    expect(ran).toBeGreaterThan(0)
    expect(ran).toBeLessThan(50_000)
    while (ran < 50_000) await nextTurn()
    scheduler.scheduleTask(() => ran++)
    await nextTurn()
    expect(ran).toBe(50_001)
  })

  it("serves I/O while a task keeps adding itself", async () => {
    const scheduler = new ActorScheduler()
    let ran = 0
    let stop = false
    const again = () => {
      ran++
      if (!stop) scheduler.scheduleTask(again)
    }
    scheduler.scheduleTask(again)
    for (let i = 0; i < 10; i++) await nextTurn()
    stop = true
    expect(ran).toBeGreaterThan(10)
  })
})
