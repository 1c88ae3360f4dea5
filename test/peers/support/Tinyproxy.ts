import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import { freePorts, peerDirectory, runPeer } from "./RealPeer.ts"

/** What must be installed for `tinyproxy`. */
export const TINYPROXY_FILES = ["/usr/bin/tinyproxy"]

/** Its configuration takes no `@` in a password. */
export const TINYPROXY_USER = { user: "puser", password: "Pr0xyPass" } as const

/** Listens on a port of 127.0.0.1; `wantsLogIn`: Basic. `ports`: where CONNECT may go. */
export const tinyproxy = (
  ports: ReadonlyArray<number>,
  wantsLogIn: boolean
): Effect.Effect<number, never, Scope.Scope> =>
  Effect.gen(function* () {
    const directory = yield* peerDirectory("tinyproxy")
    const [port = 0] = yield* freePorts(1)
    const file = join(directory, "tinyproxy.conf")
    writeFileSync(
      file,
      [
        `Port ${port}`,
        "Listen 127.0.0.1",
        "Timeout 60",
        "MaxClients 50",
        "Allow 127.0.0.1",
        ...ports.map((one) => `ConnectPort ${one}`),
        ...(wantsLogIn ? [`BasicAuth ${TINYPROXY_USER.user} ${TINYPROXY_USER.password}`] : [])
      ].join("\n")
    )
    // -d keeps it in the foreground.
    yield* runPeer({ command: "/usr/bin/tinyproxy", args: ["-d", "-c", file], cwd: directory, ports: [port] })
    return port
  })
