import { Effect, Schedule } from "effect"
import type { Random } from "./Random.ts"
import type { World } from "./World.ts"

const TICK = 50

/** Mails to random people at the set rate, until it is interrupted. */
export const mailLoad = (world: World, random: Random): Effect.Effect<void> => {
  const began = performance.now()
  let sent = 0
  const tick = Effect.gen(function* () {
    const due = ((performance.now() - began) / 1000) * world.options.rate
    for (; sent < due; sent++) yield* send(world, random, sent)
  })
  return Effect.asVoid(Effect.repeat(tick, Schedule.spaced(TICK)))
}

const send = ({ exchange, journal, people }: World, random: Random, number: number): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { address } = random.pick(people)
    const at = Date.now()
    const subject = `Mail ${number}`
    const id = yield* exchange.deliver({
      to: address,
      from: "bob@example.com",
      fromName: "Bob Baker",
      subject,
      body: `Body of ${subject}`
    })
    journal.mails.push({ id, address, at })
    journal.about(address, `${subject} arrives`, at)
  }).pipe(Effect.orDie)
