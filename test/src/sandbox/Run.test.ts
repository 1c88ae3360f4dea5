import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { call } from "../../../src/sandbox/JsonClient.ts"
import { runCns, runExchange, runSeg } from "../../../src/sandbox/Run.ts"
import { selfSigned } from "./support/Certificate.ts"
import { running } from "./support/Running.ts"

const post = (url: string, body: unknown) =>
  Effect.promise(() => call(url, { method: "POST", body: JSON.stringify(body), timeout: 5000 }))

it.live("the Exchange command says where it listens, takes a mail there, and ends when interrupted", () =>
  Effect.gen(function* () {
    let controlUrl = ""
    yield* running(runExchange({ port: 0 }), (printed) =>
      Effect.gen(function* () {
        expect(yield* printed(/Exchange stand-in: (\S+)/)).toMatch(
          /^http:\/\/127\.0\.0\.1:\d+\/EWS\/Exchange\.asmx$/
        )
        controlUrl = yield* printed(/curl (\S+)\/mail /)
        const answer = yield* post(`${controlUrl}/mail`, { to: "alice@example.com", from: "bob@example.com" })
        expect(answer.status).toBe(200)
        expect(JSON.parse(answer.text)).toEqual({ itemId: expect.stringMatching(/^AAMk/) })
      })
    )
    const gone = yield* Effect.promise(() =>
      call(`${controlUrl}/state`, { method: "GET", timeout: 5000 }).then(
        () => "answers",
        () => "gone"
      )
    )
    expect(gone).toBe("gone")
  })
)

it.live("the Exchange command says where its other doors are, and what they have to be trusted by", () =>
  running(
    runExchange({ port: 0, otherPort: 0, tls: selfSigned(), certFile: "/somewhere/sandbox.crt" }),
    (printed) =>
      Effect.gen(function* () {
        expect(yield* printed(/Exchange stand-in: +(\S+)/)).toMatch(/^https:/)
        expect(yield* printed(/Other listener: +(\S+)/)).toMatch(/^https:.*\/EWS\/Exchange\.asmx$/)
        expect(yield* printed(/Autodiscover: +(\S+)/)).toMatch(/^https:.*\.xml$/)
        expect(yield* printed(/Certificate: +(\S+)/)).toBe("/somewhere/sandbox.crt")
        const controlUrl = yield* printed(/curl (\S+)\/mail /)
        expect(controlUrl).toMatch(/^http:/)
        const unknown = yield* post(`${controlUrl}/nonsense`, {})
        expect([unknown.status, JSON.parse(unknown.text).GET]).toEqual([404, ["state", "requests"]])
      })
  )
)

it.live("the gateway command says how the service has to know it", () =>
  running(runSeg({ port: 0, upstream: "http://127.0.0.1:9" }), (printed) =>
    Effect.gen(function* () {
      expect(yield* printed(/(ENS_SEG_HOSTS=\S+),/)).toBe("ENS_SEG_HOSTS=127.0.0.1")
      const controlUrl = yield* printed(/curl (\S+)\/devices /)
      const answer = yield* post(`${controlUrl}/devices`, { device: "d", verdict: "unknown" })
      expect(answer.status).toBe(200)
    })
  )
)

it.live("the CNS command prints every notification it takes", () =>
  running(runCns({ port: 0 }), (printed) =>
    Effect.gen(function* () {
      const url = yield* printed(/CNS stand-in: (\S+)/)
      const payload = { aps: { badge: 1 }, ens: { action: "badge", userId: "u" } }
      const notification = {
        id: "n-1",
        deviceToken: "t",
        deviceType: "iOS",
        bundleId: "b",
        priority: "normal",
        payload
      }
      expect((yield* post(url, { notifications: [notification] })).status).toBe(200)
      expect(JSON.parse(yield* printed(/^(\{.*"n-1".*\})$/m))).toMatchObject(notification)
    })
  )
)

it.live("a port that is taken is a failure with its reason, not a crash", () =>
  running(runCns({ port: 0 }), (printed) =>
    Effect.gen(function* () {
      const port = Number(yield* printed(/CNS stand-in: http:\/\/127\.0\.0\.1:(\d+)/))
      const failure = yield* Effect.flip(runExchange({ port }))
      expect(failure.message).toMatch(
        /^cannot listen on 127\.0\.0\.1:\d+ \(.*EADDRINUSE.*\); choose another port$/
      )
    })
  )
)
