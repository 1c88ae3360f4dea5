import { describe, expect, it } from "vitest"
import { EwsUrlNotAllowed, EwsUrlUnknown } from "../../../layers/ews/EndpointPolicy.ts"
import { HttpFailure } from "../../../layers/ews/HttpPost.ts"
import { errorOf } from "../../../layers/ews/SessionTrouble.ts"
import { type Mendable, troubleOf } from "../../../layers/telemetry/FaultOf.ts"
import {
  EwsBlocked,
  EwsBusy,
  EwsForbidden,
  EwsRefused,
  EwsTimeout,
  EwsUnauthorized,
  EwsUnusable
} from "../../../schemas/EwsError.ts"
import type { FaultName } from "../../../schemas/Fault.ts"
import { StorageError } from "../../../schemas/StorageError.ts"

const site = { operation: "Subscribe", host: "mail.example.com" }

const unreachable = (code: string) =>
  errorOf(
    { site, progress: { stage: "connecting", handshake: "none" }, timeout: 1_000 },
    new HttpFailure({ kind: "connection", sent: false, status: 0, code, reason: undefined }),
    1_000
  )

const CASES: ReadonlyArray<readonly [string, Mendable, FaultName | undefined]> = [
  ["a refused log-in", new EwsUnauthorized({ ...site, offered: [] }), "exchange-log-in-refused"],
  ["a forbidden mailbox", new EwsForbidden(site), "exchange-forbids-ews"],
  ["a device that is not compliant", new EwsBlocked({ ...site, status: 403 }), "seg-blocks-device"],
  ["a page at a wrong path", new EwsUnusable({ ...site, status: 404, reason: "no XML" }), "ews-url-wrong"],
  ["a method that is not allowed", new EwsUnusable({ ...site, status: 405, reason: "" }), "ews-url-wrong"],
  ["an HTML page", new EwsUnusable({ ...site, status: 200, reason: "no XML" }), "ews-url-wrong"],
  ["a redirect to a log-in form", new EwsUnusable({ ...site, status: 302, reason: "" }), "ews-url-wrong"],
  ["a server that fails", new EwsUnusable({ ...site, status: 500, reason: "no XML" }), "exchange-refuses"],
  [
    "a response code",
    new EwsRefused({ ...site, responseCode: "ErrorNonExistentMailbox", status: 200 }),
    "exchange-refuses"
  ],
  [
    "a server that asks to wait",
    new EwsBusy({ ...site, responseCode: "ErrorServerBusy", retryAfter: 1 }),
    "exchange-busy"
  ],
  ["a host known to be down", new EwsBusy({ ...site, responseCode: "down: gone", retryAfter: 1 }), undefined],
  ["no answer in time", new EwsTimeout({ ...site, milliseconds: 1 }), "exchange-busy"],
  [
    "an authority that is not known",
    unreachable("UNABLE_TO_GET_ISSUER_CERT_LOCALLY"),
    "certificate-not-trusted"
  ],
  ["a missing intermediate", unreachable("UNABLE_TO_VERIFY_LEAF_SIGNATURE"), "certificate-not-trusted"],
  ["an expired certificate", unreachable("CERT_HAS_EXPIRED"), "certificate-not-trusted"],
  ["a certificate of another name", unreachable("ERR_TLS_CERT_ALTNAME_INVALID"), "certificate-not-trusted"],
  ["another key than the pinned one", unreachable("ENS_PIN_MISMATCH"), "pin-mismatch"],
  ["an address that may not be used", unreachable("ENS_ADDRESS_NOT_ALLOWED"), "ews-url-not-allowed"],
  [
    "a client certificate that is refused",
    unreachable("ERR_SSL_TLSV1_ALERT_UNKNOWN_CA"),
    "exchange-log-in-refused"
  ],
  ["a name that does not resolve", unreachable("ENOTFOUND"), "exchange-unreachable"],
  ["a port where nobody listens", unreachable("ECONNREFUSED"), "exchange-unreachable"],
  ["a proxy that lets nobody through", unreachable("ENS_PROXY_REFUSED"), "exchange-unreachable"],
  ["a URL that is in no list", new EwsUrlNotAllowed({ host: "evil.example" }), "ews-url-not-allowed"],
  ["a domain without Autodiscover", new EwsUrlUnknown({ answered: false }), "autodiscover-missing"],
  [
    "a database that is away",
    new StorageError({ operation: "ping", transient: true, cause: new Error("away") }),
    "storage-down"
  ],
  [
    "a statement that is wrong",
    new StorageError({ operation: "ping", transient: false, cause: new Error("bug") }),
    undefined
  ]
]

describe("the cause of a failure", () => {
  it.each(CASES)("of %s is one that somebody can mend", (_, error, fault) => {
    expect(troubleOf(error)?.fault).toBe(fault)
  })

  it("is reported at its host, in the words of the error", () => {
    expect(troubleOf(new EwsForbidden(site))).toEqual({
      fault: "exchange-forbids-ews",
      where: "mail.example.com",
      what: expect.stringContaining("403")
    })
  })
})
