import { setTimeout as pause } from "node:timers/promises"
import { CallbackSender } from "./CallbackSender.ts"
import { HeartbeatRequest } from "./Heartbeat.ts"
import type { HeartbeatOrder, HeartbeatResult } from "./HostileOrders.ts"
import { Latencies } from "./Latencies.ts"

/** Exchange while ENS is under attack: sends heartbeats when they are due and tells how long the answers took. */
process.on("message", (order: HeartbeatOrder) => {
  beat(order).then((result) => process.send?.(result))
})
process.on("disconnect", () => process.exit())

const SOURCES = 4
/** Milliseconds that the last ones get. */
const LAST = 5_000

const beat = async ({
  isOneAddress,
  milliseconds,
  port,
  rate,
  targets
}: HeartbeatOrder): Promise<HeartbeatResult> => {
  const requests = targets.map((target, index) => new HeartbeatRequest(target, index))
  const sender = new CallbackSender(port, isOneAddress ? 0 : SOURCES)
  const latencies = new Latencies()
  const began = performance.now()
  const all = Math.floor((milliseconds / 1000) * rate)
  let sent = 0
  let ok = 0
  let answered = 0
  const done = Promise.withResolvers<void>()
  const tick = setInterval(() => {
    while (sent < all && performance.now() >= began + (sent / rate) * 1000) {
      const due = began + (sent / rate) * 1000
      const request = requests[sent++ % requests.length]!.next().toString("latin1")
      sender.send(request, (outcome) => {
        latencies.add(performance.now() - due)
        if (outcome === "OK") ok++
        if (++answered === all) done.resolve()
      })
    }
  }, 1)
  await Promise.race([done.promise, pause(milliseconds + LAST)])
  clearInterval(tick)
  sender.close()
  const { count, max, p50, p99 } = latencies.take()
  return { count, p50, p99, max, notOk: all - ok }
}
