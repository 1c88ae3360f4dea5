import { connect as connectSocket } from "node:net"
import { DatabaseSync } from "node:sqlite"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { call } from "../../src/sandbox/JsonClient.ts"
import { startProcess } from "../support/ServiceProcess.ts"
import { eventually, type Rehearsal, rehearse, within } from "./Rehearsal.ts"

/** With a StatusFrequency of 60 Exchange repeats a failed callback after 0.1, 0.3, 0.7 … s and gives up after 12.7 s. */
const OPTIONS = {
  exchange: { minute: 200, retry: "lenient" },
  settings: { ENS_STATUS_FREQUENCY_MINUTES: "60", ENS_HEARTBEAT_CHECK_MINUTES: "120" }
} as const
/** Longer than anybody here waits. */
const SILENT = { kind: "slow", milliseconds: 60_000 } as const

/** A running service with one registered iPhone, whose Exchange and gateway the test can spoil. */
const running = () =>
  Effect.gen(function* () {
    const all = yield* rehearse(OPTIONS)
    const service = yield* startProcess(all.installation)
    const device = yield* all.phone("iOS", { registersAgain: false })
    expect(yield* device.register()).toMatchObject({ responseCode: 7 })
    return { ...all, service, device }
  })

/** Waits for the end; the exit code is the test's business. */
const ended = (service: Effect.Effect.Success<ReturnType<typeof startProcess>>) =>
  within(service.ended, "the end of the process", 12)

const said = ({ installation }: Pick<Rehearsal, "installation">, text: string) =>
  eventually(() => installation.log().includes(text), text)

const status = (url: string) =>
  Effect.promise(() =>
    call(url, { method: "GET", timeout: 2000 }).then(
      (answer) => answer.status,
      () => 0
    )
  )

describe("a service that is told to stop", () => {
  it.scopedLive("with nothing in hand ends with code 0 and says so", () =>
    Effect.gen(function* () {
      const { installation, service } = yield* running()
      yield* service.signal("SIGTERM")
      expect(yield* ended(service)).toBe(0)
      const messages = installation.logLines().map(({ message }) => message)
      expect(messages.at(-1)).toBe("stopped")
      expect(messages.find((message) => message.startsWith("stopping: "))).toContain("0 callbacks in hand")
    })
  )

  it.scopedLive("finishes the mail in hand; meanwhile new callbacks hear 503 and readiness says no", () =>
    Effect.gen(function* () {
      const { about, device, exchange, installation, mail, service } = yield* running()
      yield* exchange.addFault({ kind: "slow", operation: "GetItem", milliseconds: 1500, times: 1 })
      const item = yield* mail("One")
      yield* eventually(() => (exchange.operations()["GetItem"] ?? 0) > 0, "GetItem")
      yield* service.signal("SIGTERM")
      yield* said({ installation }, "stopping: 1 callbacks in hand")
      expect(yield* status(`http://127.0.0.1:${installation.port}/readyz`)).toBe(503)
      expect(yield* status(`${installation.adminUrl}/readyz`)).toBe(503)
      expect(yield* status(`http://127.0.0.1:${installation.port}/healthz`)).toBe(200)
      expect(yield* ended(service)).toBe(0)
      expect(about(device, item)).toHaveLength(1)
      expect(installation.log()).not.toContain("given back")
    })
  )

  it.scopedLive("ends at once at the second signal", () =>
    Effect.gen(function* () {
      const { exchange, installation, mail, service } = yield* running()
      yield* exchange.addFault(SILENT)
      yield* mail("One")
      yield* eventually(() => installation.log().includes("Received [CreatedEvent]"), "the mail")
      yield* service.signal("SIGTERM")
      yield* said({ installation }, "stopping: 1 callbacks in hand")
      yield* Effect.sleep("400 millis")
      const end = yield* Effect.fork(ended(service))
      yield* service.signal("SIGTERM")
      // Killed by it: 143 to a shell.
      expect(yield* Fiber.join(end)).toBeNull()
      expect(installation.log()).not.toContain('"stopped"')
    })
  )

  it.scopedLive("takes a signal that comes twice at once for one, as npm passes it on", () =>
    Effect.gen(function* () {
      const { installation, service } = yield* running()
      yield* service.signal("SIGINT")
      yield* service.signal("SIGINT")
      expect(yield* ended(service)).toBe(0)
      expect(installation.log()).toContain('"stopped"')
    })
  )

  it.scopedLive(
    "gives back what a silent Exchange and a silent gateway hold up, and loses no mail by it",
    () =>
      Effect.gen(function* () {
        const all = yield* running()
        const { cns, device, exchange, installation, mail, service } = all
        yield* exchange.addFault(SILENT)
        yield* cns.addFault(SILENT)
        const item = yield* mail("One")
        yield* said(all, "Received [CreatedEvent]")
        yield* service.signal("SIGTERM")
        expect(yield* ended(service)).toBe(0)
        expect(installation.log()).toContain("1 callbacks were given back to Exchange")
        yield* exchange.clearFaults
        yield* cns.clearFaults
        yield* startProcess(installation)
        yield* within(
          cns.until(() => all.about(device, item).length > 0),
          "the mail after the restart",
          20
        )
      })
  )

  it.scopedLive(
    "does not wait for a database that another process has locked, and says what it did not write",
    () =>
      Effect.gen(function* () {
        const { installation, mail, service } = yield* running()
        const other = yield* Effect.acquireRelease(
          Effect.sync(() => new DatabaseSync(installation.database, { timeout: 5000 })),
          (database) => Effect.sync(() => database.close())
        )
        other.exec("BEGIN IMMEDIATE")
        yield* mail("One")
        yield* said({ installation }, "Received [CreatedEvent]")
        yield* Effect.sleep("300 millis")
        yield* service.signal("SIGTERM")
        expect(yield* ended(service)).toBe(0)
        expect(installation.log()).toMatch(/notes about [1-9]\d* users to be written/)
        expect(installation.log()).toContain("could not be written before the end")
        expect(installation.log()).toContain("the database did not close in time")
      })
  )

  it.scopedLive("is not held up by who connects to its admin listener and says nothing", () =>
    Effect.gen(function* () {
      const { installation, service } = yield* running()
      const socket = connectSocket(Number(new URL(installation.adminUrl).port), "127.0.0.1")
      yield* Effect.addFinalizer(() => Effect.sync(() => socket.destroy()))
      yield* Effect.async<void>((resume) => {
        socket.on("error", () => {}).write("GET /metrics HTTP/1.1\r\nHost: x\r\n", () => resume(Effect.void))
      })
      yield* service.signal("SIGTERM")
      expect(yield* ended(service)).toBe(0)
      expect(installation.log()).toContain('"stopped"')
    })
  )
})
