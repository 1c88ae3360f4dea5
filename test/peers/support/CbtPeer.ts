import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect, type Scope } from "effect"
import { ntlmEnvironment, writeNtlmUsers } from "./Apache.ts"
import type { Pki } from "./Pki.ts"
import { freePorts, peerDirectory, runPeer } from "./RealPeer.ts"

/** What must be installed for `cbtPeer`. */
export const CBT_FILES = [
  "/usr/bin/python3",
  "/usr/lib/python3/dist-packages/gssapi/__init__.py",
  "/etc/gss/mech.d/mech.ntlmssp.conf"
]

/**
 * An HTTPS server that takes POSTs with NTLM log-ins of the Apache's users and checks their channel binding; answers
 * `CONTOSO\alice bound=True`. With `required`, a log-in without binding is refused, as by Exchange with Extended Protection
 * set to Required. Gives its origin.
 */
export const cbtPeer = (
  pki: Pki,
  binding: "required" | "allowed",
  certificate: "srv-rsa" | "srv-ec" = "srv-rsa"
): Effect.Effect<string, never, Scope.Scope> =>
  Effect.gen(function* () {
    const directory = yield* peerDirectory("cbt")
    const [port = 0] = yield* freePorts(1)
    writeNtlmUsers(directory)
    const [cert, key] = ["crt", "key"].map((ending) => join(pki.directory, `${certificate}.${ending}`))
    yield* runPeer({
      command: "/usr/bin/python3",
      args: [PROGRAM, `${port}`, `${cert}`, `${key}`, binding],
      cwd: directory,
      env: ntlmEnvironment(directory),
      ports: [port]
    })
    return `https://127.0.0.1:${port}`
  })

const PROGRAM = fileURLToPath(new URL("CbtPeer.py", import.meta.url))
