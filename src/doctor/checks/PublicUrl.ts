import * as Http from "node:http"
import * as Https from "node:https"
import { isIP } from "node:net"
import { text } from "node:stream/consumers"
import { rootCertificates } from "node:tls"
import { Data, Effect } from "effect"
import { readAuthorities } from "../../../layers/ews/AuthorityFile.ts"
import { connectReason } from "../../../layers/net/ConnectError.ts"
import { isLoopback } from "../../../layers/net/Loopback.ts"
import type { Check } from "../Check.ts"
import { faulty, ok, skipped } from "../Finding.ts"
import { addressesOf } from "../Names.ts"
import { Patient } from "../Patient.ts"

/** Whether a request as Exchange makes it reaches this very service. Asked from this machine, which Exchange is not. */
export const publicUrl: Check = {
  name: "public URL",
  within: 25,
  network: true,
  run: (tell) =>
    Effect.gen(function* () {
      const { node, settings } = yield* Patient
      const url = new URL(settings.publicUrl)
      const missing = (detail: string, cure?: string) =>
        tell(faulty("public URL", "callbacks-missing", detail, cure))
      const runs = yield* node
      const name = url.hostname.replace(/^\[|\]$/g, "")
      if (isIP(name) === 0) {
        const addresses = yield* Effect.either(addressesOf(name))
        if (addresses._tag === "Left") {
          return missing(
            `${name}: ${addresses.left}`,
            `make ${name} resolve, for Exchange too, or correct ENS_PUBLIC_URL`
          )
        }
        tell(ok("public URL", `${name} is ${addresses.right.join(", ")}`))
      }
      const own =
        settings.ewsCaFile === undefined
          ? ""
          : yield* Effect.orElseSucceed(readAuthorities(settings.ewsCaFile), () => "")
      const alive = new URL(`${settings.publicUrl}/alive`)
      const asked = yield* Effect.either(ask(alive, own))
      const at = `${settings.publicUrl}/alive`
      if (asked._tag === "Left") {
        if (runs === undefined && asked.left.code === "ECONNREFUSED") {
          return tell(
            skipped("public URL", `nothing listens at ${url.origin}, because the service does not run`)
          )
        }
        if (settings.tls.clientAuth === "all" && NO_CERTIFICATE.test(asked.left.code)) {
          return tell(
            skipped(
              "public URL",
              `it answers only who shows a client certificate (ENS_TLS_CLIENT_AUTH=all), and ens doctor has none; run where one is: curl --cert FILE --key FILE ${at}`
            )
          )
        }
        return missing(`${at}: ${asked.left.reason}`)
      }
      const { body, status } = asked.right
      const id = /InstanceId = ([0-9a-f-]{36})/.exec(body)?.[1]
      if (id === undefined)
        return missing(
          `what answers at ${at} is not ENS (HTTP ${status})`,
          "let what stands in front hand the public URL's path on to ENS, unchanged"
        )
      if (runs === undefined)
        return tell(
          ok("public URL", `an ENS answers at ${at}; none runs with these settings to compare with`)
        )
      if (id === runs.instanceId) tell(ok("public URL", `${at} reaches this service`))
      else if (runs.role !== "active")
        tell(ok("public URL", `${at} reaches another node; this one is ${runs.role}`))
      else
        return missing(
          `${at} reaches another ENS than the one that runs here`,
          "point ENS_PUBLIC_URL, or what stands in front, at the active node"
        )
      if (isLoopback(url)) {
        tell(
          skipped(
            "callbacks",
            "the public URL is a loopback address, which only an Exchange on this machine can call"
          )
        )
      } else {
        tell(skipped("callbacks", `only Exchange can tell whether it gets there; run on it: curl ${at}`))
      }
    })
}

class Unanswered extends Data.TaggedError("Unanswered")<{ readonly code: string; readonly reason: string }> {}

/** As a stranger asks: with the known authorities, and those of the organisation. */
const ask = (url: URL, authorities: string) =>
  Effect.async<{ readonly status: number; readonly body: string }, Unanswered>((resume) => {
    const fail = (error: Error) => {
      // While it writes, Node hides in the text what it otherwise has as a code.
      const isRefused = error.message.includes("alert handshake failure")
      const code = isRefused ? HANDSHAKE_FAILURE : "code" in error ? String(error.code) : "unknown"
      return resume(new Unanswered({ code, reason: connectReason(error) ?? code }))
    }
    const options = { agent: false, timeout: WITHIN, headers: { "user-agent": "ens-doctor" } } as const
    const take = (response: Http.IncomingMessage) => {
      text(response).then((body) => resume(Effect.succeed({ status: response.statusCode ?? 0, body })), fail)
    }
    const asked =
      url.protocol === "https:"
        ? Https.get(
            url,
            { ...options, ca: [...rootCertificates, ...(authorities === "" ? [] : [authorities])] },
            take
          )
        : Http.get(url, options, take)
    asked.on("timeout", () =>
      asked.destroy(Object.assign(new Error("no answer in time"), { code: "ETIMEDOUT" }))
    )
    asked.on("error", fail)
    return Effect.sync(() => asked.destroy())
  })

/** Milliseconds. */
const WITHIN = 10_000

const HANDSHAKE_FAILURE = "ERR_SSL_ALERT_HANDSHAKE_FAILURE"

/** How a handshake ends for who has no client certificate: TLS 1.3 and 1.2, and either if the connection is gone before. */
const NO_CERTIFICATE = /ALERT_(CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE)$|^ECONNRESET$|^EPIPE$/
