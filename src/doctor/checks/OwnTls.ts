import { X509Certificate } from "node:crypto"
import { isIP } from "node:net"
import { rootCertificates } from "node:tls"
import { Clock, Effect } from "effect"
import { isLoopback } from "../../../layers/net/Loopback.ts"
import { readAuthorities } from "../../http/ClientCertificates.ts"
import { readIdentity, tlsFiles } from "../../http/TlsIdentity.ts"
import type { Check } from "../Check.ts"
import { failed, faulty, ok, skipped, type Tell } from "../Finding.ts"
import { Patient } from "../Patient.ts"
import { tellExpiry } from "./Expiry.ts"

/** The certificate of the public listener: whether Exchange could trust it for the name that it calls. */
export const ownTls: Check = {
  name: "own TLS certificate",
  within: 10,
  network: false,
  run: (tell) =>
    Effect.gen(function* () {
      const { settings } = yield* Patient
      const url = new URL(settings.publicUrl)
      if (tlsFiles(settings.tls).length === 0) return tell(withoutTls(url))
      const identity = yield* Effect.either(readIdentity(settings.tls))
      if (identity._tag === "Left") return tell(failed("own TLS certificate", identity.left.message))
      const { certificate, chain } = identity.right
      const name = url.hostname.replace(/^\[|\]$/g, "")
      const fits = isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name)
      const names = certificate.subjectAltName ?? certificate.subject.replaceAll("\n", ", ")
      if (fits !== undefined) tell(ok("own TLS certificate", `it is for ${name}, and its key belongs to it`))
      else {
        const cure = "use a certificate with the host name of ENS_PUBLIC_URL, or correct that"
        const says = `our certificate is not for ${name} (it is for ${names})`
        tell(faulty("own TLS certificate", "callbacks-missing", says, cure))
      }
      tellChain(tell, chain)
      const now = yield* Clock.currentTimeMillis
      tellExpiry(tell, "own TLS certificate", "it", certificate.validToDate.getTime(), now)
      const { clientAuth } = settings.tls
      const authorities = yield* Effect.either(readAuthorities(settings.tls))
      if (authorities._tag === "Left") return tell(failed("client certificates", authorities.left.message))
      for (const text of authorities.right) {
        const { subject, validToDate } = new X509Certificate(text)
        const name = subject?.split("\n").reverse().join(", ") ?? "an authority without a name"
        tell(ok("client certificates", `${clientAuth} need one, from ${name}`))
        tellExpiry(tell, "client certificates", name, validToDate.getTime(), now)
      }
    })
}

const withoutTls = (url: URL) =>
  url.protocol === "https:"
    ? skipped(
        "own TLS certificate",
        "this listener speaks plain HTTP; TLS is up to what stands in front of it"
      )
    : isLoopback(url)
      ? skipped("own TLS certificate", "none is configured, and the public URL stays on this machine")
      : failed(
          "own TLS certificate",
          `${url.origin} is plain HTTP, so what Exchange calls back can be read on the way`,
          "set ENS_TLS_CERT_FILE and ENS_TLS_KEY_FILE, or ENS_PUBLIC_URL to the https URL of what stands in front"
        )

/** Whoever calls knows roots only, so that what lies between has to be sent along, in order. */
const tellChain = (tell: Tell, chain: string): void => {
  const certificates = (chain.match(CERTIFICATE) ?? []).map((text) => new X509Certificate(text))
  const gap = certificates.findIndex((one, index) => index > 0 && !certificates[index - 1]!.checkIssued(one))
  if (gap > 0) {
    const says = `certificate ${gap + 1} in the file did not issue the one before it`
    return tell(
      faulty(
        "TLS chain",
        "callbacks-missing",
        says,
        "put the certificates in order: own, then who issued it, and so on"
      )
    )
  }
  const last = certificates.at(-1)
  if (last === undefined) return
  const issuer = last.issuer.split("\n").reverse().join(", ")
  if (last.checkIssued(last)) {
    const says = certificates.length === 1 ? "self-signed" : `complete up to ${issuer}`
    return tell(ok("TLS chain", `${says}; Exchange must trust it`))
  }
  if (isKnownRoot(last)) return tell(ok("TLS chain", `complete: ${certificates.length} up to ${issuer}`))
  if (certificates.length > 1) {
    return tell(
      ok(
        "TLS chain",
        `${certificates.length} certificates, up to ${issuer}; Exchange must know that authority`
      )
    )
  }
  const says = `the file holds no certificate of who issued ours (${issuer})`
  tell(
    faulty(
      "TLS chain",
      "callbacks-missing",
      says,
      "append the intermediate certificates to it, unless Exchange trusts that authority itself"
    )
  )
}

const isKnownRoot = (certificate: X509Certificate): boolean =>
  rootCertificates.some((root) => certificate.checkIssued(new X509Certificate(root)))

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g
