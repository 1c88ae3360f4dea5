import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Ews, EwsAccount, EwsCalls } from "../../layers/ews/Ews.ts"
import type { HttpRequest, HttpSessions } from "../../layers/ews/HttpSessions.ts"
import type { HttpAnswer } from "../../layers/ews/SoapAnswer.ts"
import { withTrouble } from "../../layers/ews/Throttle.ts"
import { type EwsError, EwsTimeout, EwsUnreachable } from "../../schemas/EwsError.ts"
import type { ItemId } from "../../schemas/Ids.ts"
import type { PushNotification } from "../../schemas/Push.ts"
import { events, inWorld, type Pending } from "../support/ActorFixture.ts"
import { post, type Subscriber, subscribe } from "../support/Subscribers.ts"
import { watchedSend } from "../support/WatchedSend.ts"

const SECOND = 1_000
const CALLBACKS_PER_SECOND = 20
const MAILS_PER_CALLBACK = 10
const REQUEST: HttpRequest = { operation: "GetItem", method: "POST", headers: {}, body: "" }
const site = { operation: "GetItem", host: "exchange.test" }

type Trouble = "refuses connections" | "does not answer"

/** The way to the fake Exchange: may be cut, is watched as in the service, and counts what is sent. */
class Line {
  trouble: Trouble | undefined
  requests = 0

  readonly before = (exchange: Ews["Type"]): Effect.Effect<Ews["Type"]> =>
    Effect.map(withTrouble(this.#wire), (sessions) => ({
      open: (account) => {
        const session = exchange.open(account)
        const way = sessions.open(account)
        const over = <A>(timeout: number, call: Effect.Effect<A, EwsError>) =>
          Effect.zipRight(way.send(account.endpoint, REQUEST, timeout), call)
        const calls: EwsCalls = {
          subscribe: (subscription, timeout) => over(timeout, session.subscribe(subscription, timeout)),
          inbox: (timeout) => over(timeout, session.inbox(timeout)),
          mails: (items, shape, timeout) => over(timeout, session.mails(items, shape, timeout)),
          missed: (since, limit, shape, timeout) =>
            over(timeout, session.missed(since, limit, shape, timeout))
        }
        const close = () => {
          way.close()
          session.close()
        }
        return { ...calls, close }
      }
    }))

  get #wire(): HttpSessions["Type"] {
    const answer = (timeout: number) =>
      Effect.suspend((): Effect.Effect<HttpAnswer, EwsError> => {
        this.requests++
        if (this.trouble === "refuses connections")
          return Effect.fail(
            new EwsUnreachable({ ...site, reason: "the connection was refused", sent: false })
          )
        if (this.trouble === "does not answer")
          return Effect.delay(Effect.fail(new EwsTimeout({ ...site, milliseconds: timeout })), timeout)
        return Effect.succeed({ status: 200, headers: {}, body: Buffer.from("<fine/>") })
      })
    return {
      open: (caller, watches = []) => {
        const send = (endpoint: EwsAccount["endpoint"], request: HttpRequest, timeout: number) =>
          watchedSend(caller, watches, endpoint, request, false, answer(timeout))
        return { send, sendAnonymously: send, close: () => {} }
      }
    }
  }
}

const mailsOf = ({ kind, payload }: PushNotification): number => {
  const { count } = (payload.ens ?? payload) as { count?: number | string }
  return kind === "newMail" ? 1 : kind === "summary" ? Number(count) : 0
}

const outage = (trouble: Trouble) => {
  const line = new Line()
  return inWorld(
    (world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        const all = yield* subscribe(world, ens, 400, 1)
        const pending: Array<Pending<unknown>> = []
        let item = 0
        const callback = (to: Subscriber, mails: number) => {
          to.mails += mails
          const list = Array.from({ length: mails }, () =>
            events.newMail(to.address, `lost on Exchange ${++item}` as ItemId, world.clock.now)
          )
          pending.push(post(ens, to, list, false))
        }
        yield* world.advance(SECOND)
        line.trouble = trouble
        const before = line.requests
        let turn = 0
        for (let second = 0; second < 600; second++) {
          for (let count = 0; count < CALLBACKS_PER_SECOND; count++)
            callback(all[turn++ % all.length]!, MAILS_PER_CALLBACK)
          yield* world.advance(SECOND)
        }
        yield* world.advance(10 * SECOND)
        expect(pending.filter(({ replies, reply }) => reply !== "Ok" || replies !== 1)).toEqual([])
        // The calls of the first half minute or so, then a probe now and then.
        expect(line.requests - before).toBeLessThan(CALLBACKS_PER_SECOND * 40 + 20)

        line.trouble = undefined
        let seconds = 0
        let most = 0
        for (; !(yield* world.titles(all[0]!.token)).at(-1)?.startsWith("Bob"); seconds++) {
          const requests = line.requests
          const { events: list } = yield* world.arrive(all[0]!.address, {
            sender: "Bob",
            subject: `${seconds}`
          })
          all[0]!.mails++
          pending.push(post(ens, all[0]!, list, false))
          for (const to of all.slice(1, CALLBACKS_PER_SECOND)) callback(to, MAILS_PER_CALLBACK)
          yield* world.advance(SECOND)
          most = Math.max(most, line.requests - requests)
          expect(seconds).toBeLessThan(60)
        }
        // Details and unread count, for those that come and those that waited some seconds for it.
        expect(most).toBeLessThanOrEqual(4 * CALLBACKS_PER_SECOND)
        yield* world.advance(30 * SECOND)
        expect(pending.filter(({ replies, reply }) => reply !== "Ok" || replies !== 1)).toEqual([])

        const received = Map.groupBy(
          (yield* world.push.attempts).map(({ notification }) => notification),
          ({ target }) => target.token
        )
        // Since Exchange has none of those, the ones asked for after its return are gone there and are not announced.
        for (const { mails, token } of all.slice(CALLBACKS_PER_SECOND))
          expect(
            (received.get(token) ?? []).reduce((sum, one) => sum + mailsOf(one), 0),
            token
          ).toBe(mails)
        for (const { address, token } of [all[0]!, all.at(-1)!])
          expect(yield* ens.status(address, token)).toMatchObject({ state: "Active" })
      }),
    {},
    undefined,
    line.before
  )
}

describe("an Exchange that is away for 10 minutes under 200 mails a second", () => {
  for (const trouble of ["refuses connections", "does not answer"] as const)
    it.scopedLive(
      `and ${trouble} costs mails their details and no more, and details are back within a minute`,
      outage(trouble),
      120_000
    )
})
