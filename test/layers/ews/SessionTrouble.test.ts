import { describe, expect, it } from "@effect/vitest"
import { HttpFailure } from "../../../layers/ews/HttpPost.ts"
import { errorOf } from "../../../layers/ews/SessionTrouble.ts"

const site = { operation: "GetFolder", host: "mail.contoso.com" }

const failed = (code: string, reason?: string) =>
  errorOf(
    { site, progress: { stage: "connecting", handshake: "certificate" }, timeout: 1_000 },
    new HttpFailure({ kind: "connection", sent: false, status: 0, code, reason }),
    1_000
  )

describe("Trouble with a connection", () => {
  it("is the host's, and may pass, when the connection is", () => {
    expect(failed("ECONNREFUSED", "the connection was refused")).toMatchObject({
      _tag: "EwsUnreachable",
      reason: "the connection was refused"
    })
  })

  it("is the caller's, and stays, when nothing can be made of what the caller has", () => {
    expect(failed("ENS_CLIENT_CERTIFICATE", "the client certificate's key is too weak")).toMatchObject({
      _tag: "EwsRefused",
      responseCode: "the client certificate's key is too weak"
    })
    expect(failed("UND_ERR_INVALID_ARG")).toMatchObject({
      _tag: "EwsRefused",
      responseCode: "the request cannot be written"
    })
  })

  it("lasts when a certificate, a pin, a list or the proxy's log-in must be changed first", () => {
    const lasting = [
      "CERT_HAS_EXPIRED",
      "DEPTH_ZERO_SELF_SIGNED_CERT",
      "ERR_TLS_CERT_ALTNAME_INVALID",
      "ENS_PIN_MISMATCH",
      "ENS_ADDRESS_NOT_ALLOWED",
      "ENS_PROXY_LOGIN",
      "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED"
    ]
    for (const code of lasting) expect(failed(code)).toMatchObject({ _tag: "EwsUnreachable", lasting: true })
    for (const code of ["ECONNREFUSED", "ECONNRESET", "UND_ERR_SOCKET", "EAI_AGAIN", "ENS_PROXY_DOWN"]) {
      expect(failed(code)).not.toHaveProperty("lasting")
    }
  })

  it("is told in plain words when what answers does not speak HTTP as it should", () => {
    for (const code of ["HTTPParserError", "HPE_INVALID_CONSTANT"]) {
      expect(failed(code)).toMatchObject({ reason: "what answers there does not speak HTTP properly" })
    }
    for (const code of ["UND_ERR_HEADERS_OVERFLOW", "HPE_HEADER_OVERFLOW"]) {
      expect(failed(code)).toMatchObject({ reason: "the headers of its answer are too large" })
    }
  })
})
