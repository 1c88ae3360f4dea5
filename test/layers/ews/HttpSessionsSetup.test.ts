import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { ruleFor } from "../../../layers/ews/HttpSessionsLive.ts"
import type { SettingsShape, TlsVersion } from "../../../schemas/Settings.ts"
import { say, scriptedTlsServer } from "../../support/ScriptedServer.ts"
import { ask, callerWith, certificate, endpointAt, open, sessionsLayer } from "../../support/SessionCaller.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"

const problemWith = (settings: Partial<SettingsShape>) =>
  Effect.map(Effect.flip(Effect.scoped(Layer.build(sessionsLayer({}, settings)))), (error) => error.message)

describe("What Exchange is reached by", () => {
  it.scopedLive("are also the authorities in a file of the operator's", () =>
    Effect.gen(function* () {
      const ewsCaFile = join(yield* temporaryDirectory, "authorities.pem")
      writeFileSync(ewsCaFile, `the old one:\n${certificate.cert}\nand the new one:\n${certificate.cert}`)
      const server = yield* scriptedTlsServer(certificate)
      server.script(say(401, "", { "www-authenticate": "Basic" }), say(200))
      const answering = Effect.flatMap(open(callerWith()), (session) =>
        ask(session, endpointAt(server.origin))
      )
      const { status } = yield* Effect.provide(answering, sessionsLayer({ ca: "" }, { ewsCaFile }))
      expect(status).toBe(200)
    })
  )

  it.scopedLive("is not taken from a file that is none of authorities, and the service says why", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const file = (name: string, content: string) => {
        const ewsCaFile = join(directory, name)
        writeFileSync(ewsCaFile, content)
        return { ewsCaFile }
      }
      expect(yield* problemWith({ ewsCaFile: join(directory, "missing.pem") })).toBe(
        `ENS_EWS_CA_FILE: ${directory}/missing.pem cannot be read (ENOENT); name a PEM file of certificates`
      )
      expect(yield* problemWith(file("der.crt", "\x30\x82"))).toContain("holds no certificate in PEM form")
      const damaged = certificate.cert.replace(/\n.{8}/, "\nAAAAAAAA")
      expect(yield* problemWith(file("damaged.pem", certificate.cert + damaged))).toContain(
        "certificate 2 in"
      )
    })
  )

  it.effect("is no proxy that is none", () =>
    Effect.gen(function* () {
      const problem = yield* problemWith({ ewsProxyUrl: Redacted.make("socks://user:secret@proxy") })
      expect(problem).toMatch(/^ENS_EWS_PROXY_URL: .*http:\/\/proxy:3128/)
      expect(problem).not.toContain("secret")
    })
  )

  it("speaks old TLS with hosts that are listed alone, but new TLS with all", () => {
    const versionFor = (listed: boolean, ewsTlsMinVersion: TlsVersion) => {
      const endpoint = endpointAt("https://mail.contoso.com", undefined, { listed })
      return ruleFor({ endpoint, secure: true }, undefined, { ewsTlsMinVersion }).minVersion
    }
    expect((["1.0", "1.1", "1.2", "1.3"] as const).map((version) => versionFor(true, version))).toEqual([
      ...["1.0", "1.1", "1.2", "1.3"]
    ])
    expect((["1.0", "1.1", "1.2", "1.3"] as const).map((version) => versionFor(false, version))).toEqual([
      ...["1.2", "1.2", "1.2", "1.3"]
    ])
  })
})
