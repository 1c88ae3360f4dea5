import { Clock, Effect } from "effect"
import type { Answer } from "./Envelope.ts"

/**
 * Where nothing is listed, a device's address decides which hosts of the world are asked, and what it is told about them
 * must not tell open ports from closed ones. So refusals and failures that concern such hosts come not before 8 seconds
 * after the request, and all that did not work has one text (contract section 2, code 14). The log has the reason.
 */
export const discreetly = <E, R>(answering: Effect.Effect<Answer, E, R>): Effect.Effect<Answer, E, R> =>
  Effect.gen(function* () {
    const since = yield* Clock.currentTimeMillis
    const answer = yield* answering
    if (!ABOUT_HOSTS.has(answer.code)) return answer
    const passed = (yield* Clock.currentTimeMillis) - since
    yield* Effect.sleep(Math.max(0, AT_LEAST - passed))
    return answer.code === "SubscribeAgain" ? FAILED : answer
  })

const AT_LEAST = 8_000

/** The second and third need an Autodiscover service that answers, so they tell nothing of hosts that are none. */
const ABOUT_HOSTS: ReadonlySet<Answer["code"]> = new Set([
  "SubscribeAgain",
  "FailedToGetEwsUrlFromAutoDiscovery",
  "EWSUrlMismatch"
])

/** The first sentence is ENS2's. */
const FAILED: Answer = {
  code: "SubscribeAgain",
  message:
    "The Autodiscover service couldn't be located. Or it was, and Exchange did not accept these credentials for this mailbox; check address, user name and password, and that Autodiscover and EWS can be reached from ENS",
  retryAfterSeconds: 60
}
