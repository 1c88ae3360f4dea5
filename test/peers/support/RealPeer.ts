import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe } from "@effect/vitest"
import { Effect, Schedule, type Scope } from "effect"

/** `describe` for tests against a server that may not be installed: without these files it is skipped, and says so. */
export const describePeer = (name: string, files: ReadonlyArray<string>, body: () => void): void => {
  const missing = files.filter((file) => !existsSync(file))
  if (missing.length === 0) return void describe(name, body)
  console.warn(`SKIPPED: ${name}, because this machine lacks ${missing.join(", ")}; .ci/run installs it`)
  describe.skip(`${name} (skipped: no ${missing.join(", ")})`, body)
}

export const isRoot = process.getuid?.() === 0

/** A directory for one server, which may change its user; goes with the scope. */
export const peerDirectory = (name: string): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), `ens-${name}-`))),
    (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }))
  )

/** Ports of 127.0.0.1 that nobody used a moment ago. */
export const freePorts = (count: number): Effect.Effect<ReadonlyArray<number>> =>
  Effect.promise(async () => {
    const servers = Array.from({ length: count }, () => createServer())
    const ports = await Promise.all(servers.map((server) => listen(server)))
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
    return ports
  })

interface Program {
  readonly command: string
  readonly args: ReadonlyArray<string>
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  /** It is ready when all these answer. */
  readonly ports: ReadonlyArray<number>
}

/** A server in the foreground, ready for connections; ended with the scope. Dies with what it wrote if it does not start. */
export const runPeer = (program: Program): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const output: Array<string> = []
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const started = spawn(program.command, program.args, {
          cwd: program.cwd,
          env: { PATH: process.env["PATH"], ...program.env },
          stdio: ["ignore", "pipe", "pipe"]
        })
        for (const stream of [started.stdout, started.stderr]) {
          stream.on("data", (chunk) => output.push(String(chunk)))
        }
        started.on("error", (error) => output.push(error.message))
        return started
      }),
      (running) =>
        Effect.async<void>((resume) => {
          if (running.exitCode !== null || running.signalCode !== null || running.pid === undefined) {
            return resume(Effect.void)
          }
          const kill = setTimeout(() => running.kill("SIGKILL"), 5_000)
          running.once("exit", () => {
            clearTimeout(kill)
            resume(Effect.void)
          })
          running.kill("SIGTERM")
        })
    )
    const ready = Effect.suspend(() =>
      child.exitCode === null
        ? Effect.all(program.ports.map(answers), { concurrency: "unbounded", discard: true })
        : Effect.die(new Error(`${program.command} ended: ${output.join("")}`))
    )
    yield* ready.pipe(
      Effect.retry(Schedule.spaced(50)),
      Effect.timeout("20 seconds"),
      Effect.catchAll(() => Effect.die(new Error(`${program.command} does not answer: ${output.join("")}`)))
    )
  })

const listen = (server: ReturnType<typeof createServer>) =>
  new Promise<number>((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      resolve(typeof address === "object" && address !== null ? address.port : 0)
    })
  })

const answers = (port: number) =>
  Effect.async<void, "no answer">((resume) => {
    const socket = connect({ host: "127.0.0.1", port })
    socket.once("connect", () => {
      socket.destroy()
      resume(Effect.void)
    })
    socket.once("error", () => resume(Effect.fail("no answer")))
  })
