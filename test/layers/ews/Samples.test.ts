import { readFileSync } from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { Either } from "effect"
import {
  inboxResponse,
  mailsResponse,
  missedResponse,
  subscribeResponse
} from "../../../layers/ews/Responses.ts"
import { decodeSendNotification } from "../../../layers/ews/SendNotification.ts"
import { responseMessages } from "../../../layers/ews/SoapAnswer.ts"
import type { Decoder } from "../../../layers/ews/SoapCalls.ts"
import { MESSAGES, readDocument, readSoap, textOf } from "../../../layers/ews/SoapReader.ts"
import { samples } from "../../support/EwsSamples.ts"

/**
 * Every message in ../shared/ews/samples, and what the code makes of it: what servers and other clients really send.
 * Files that are not asked for by ENS's own operations are read as far as all answers are read alike.
 */

const site = { operation: "GetItem", host: "exchange.test" }
const NOW = Date.UTC(2026, 10, 22)

/** What a file is read as, and what must come of it. */
type Expectation =
  | {
      readonly as: "answer"
      readonly decode: Decoder<unknown>
      readonly status: number
      readonly is: unknown
    }
  | { readonly as: "request"; readonly operation: string }
  | { readonly as: "callback"; readonly is: object }
  | { readonly as: "status"; readonly is: string }
  | { readonly as: "plain XML"; readonly root: string }
  /** Decoded by that test, which names the file. */
  | { readonly as: "another test's"; readonly test: string }

const answered = (decode: Decoder<unknown>, is: unknown, status = 200): Expectation => ({
  as: "answer",
  decode,
  status,
  is
})
const requested = (operation: string): Expectation => ({ as: "request", operation })
const refused = (responseCode: string, status = 200) => ({
  ...site,
  _tag: "EwsRefused",
  responseCode,
  status
})
const busy = (responseCode: string, retryAfter = 0) => ({
  ...site,
  _tag: "EwsBusy",
  responseCode,
  retryAfter
})
const autodiscover: Expectation = { as: "another test's", test: "AutodiscoverProtocols.test.ts" }

/** For operations that ENS does not use: how many response messages there are, or the first one's error. */
const anyResponse: Decoder<number> = (at, answer, now) =>
  Either.flatMap(responseMessages(at, answer, now), (messages) => {
    const error = messages.find((message) => message.error !== undefined)?.error
    return error === undefined ? Either.right(messages.length) : Either.left(error)
  })

const mail = {
  parentFolderId: undefined,
  receivedAt: undefined,
  isRead: false,
  sender: undefined,
  subject: undefined,
  preview: undefined
}
const mails = (...found: ReadonlyArray<object>) => ({
  mails: found.map((one) => ({ ...mail, ...one })),
  sizes: new Map()
})
const subscribed = (subscriptionId: string, watermark?: string, serverVersion?: string) => ({
  subscriptionId,
  watermark,
  serverVersion
})
const events = (subscriptionId: string, ...kinds: ReadonlyArray<string>): Expectation => ({
  as: "callback",
  is: { _tag: "Events", subscriptionId, events: kinds.map((kind) => ({ kind })) }
})

const expected: Readonly<Record<string, Expectation>> = {
  "subscribe-push-request.xml": requested("Subscribe"),
  "subscribe-pull-request.xml": requested("Subscribe"),
  "subscribe-pull-request-2013.xml": requested("Subscribe"),
  "subscribe-streaming-affinity-anchor-request.http": requested("Subscribe"),
  "subscribe-streaming-affinity-second-request.http": requested("Subscribe"),
  "workmail-subscribe-push-request.xml": requested("Subscribe"),
  "unsubscribe-request.xml": requested("Unsubscribe"),
  "getevents-request.xml": requested("GetEvents"),
  "getstreamingevents-request.xml": requested("GetStreamingEvents"),
  "getitem-request-email.xml": requested("GetItem"),
  "getitem-request-2013.xml": requested("GetItem"),
  "getitem-request-batch.xml": requested("GetItem"),
  "finditem-request.xml": requested("FindItem"),
  "getfolder-request.xml": requested("GetFolder"),
  "convertid-request.xml": requested("ConvertId"),
  "syncfolderitems-request.xml": requested("SyncFolderItems"),
  "resolvenames-request.xml": requested("ResolveNames"),
  "createitem-request-impersonation.xml": requested("CreateItem"),

  "subscribe-push-response-success.xml": answered(
    subscribeResponse,
    subscribed("83826921-afdf-48be-b469-628cc02b5f49", "AQAAAOpvG0LURVdOhQkPOWZLPcI8EgAAAAAAAAE=")
  ),
  "subscribe-response-no-watermark.xml": answered(
    subscribeResponse,
    subscribed(
      "JgBibjFwcjAzbWIyMDIubmFtcHJkMDMucHJvZC5vdXRsb29rLmNvbRAAAADwXxVesOnHS5BxUHKwAW88SHjwd1iB0Ag=",
      undefined,
      "Exchange2013"
    )
  ),
  "subscribe-streaming-affinity-anchor-response.http": answered(
    subscribeResponse,
    subscribed(
      "JgBjbzFwcjA2bWIyMjIubmFtcHJkMDYucHJvZC5vdXRsb29rLmNvbRAAAAAUeGk+7JFdSaFM8/NI/gQQpVdgZX6H0Ag=",
      undefined,
      "Exchange2013"
    )
  ),
  "subscribe-streaming-affinity-second-response.http": answered(
    subscribeResponse,
    expect.objectContaining({ subscriptionId: expect.stringMatching(/=$/), serverVersion: "Exchange2013" })
  ),
  "subscribe-response-error-delegate-not-supported.xml": answered(
    subscribeResponse,
    refused("ErrorSubscriptionDelegateAccessNotSupported")
  ),
  "subscribe-response-error-exceeded-count.derived.xml": answered(
    subscribeResponse,
    refused("ErrorExceededSubscriptionCount")
  ),
  "subscribe-response-error-invalid-url.derived.xml": answered(
    subscribeResponse,
    refused("ErrorInvalidPushSubscriptionUrl")
  ),
  "unsubscribe-response-success.xml": answered(anyResponse, 1),
  "unsubscribe-response-error-subscription-not-found.xml": answered(
    anyResponse,
    refused("ErrorSubscriptionNotFound")
  ),
  "getstreamingevents-response-created-newmail-modified.xml": answered(anyResponse, 1),
  "getitem-response-email.xml": answered(mailsResponse, {
    ...mails({ itemId: "AAAlAFVz", sender: "User2" }),
    sizes: new Map([["AAAlAFVz", 881]])
  }),
  "getitem-response-2013.xml": answered(
    mailsResponse,
    mails({ itemId: "GJc/NAAA=", subject: "Company Soccer Team" })
  ),
  "getitem-response-error-invalid-property-request.xml": answered(
    mailsResponse,
    refused("ErrorInvalidPropertyRequest")
  ),
  "getitem-response-error-mailbox-move.derived.xml": answered(
    mailsResponse,
    busy("ErrorMailboxMoveInProgress")
  ),
  "getitem-response-error-access-denied.derived.xml": answered(mailsResponse, refused("ErrorAccessDenied")),
  "finditem-response.xml": answered(missedResponse, {
    ...mails({ itemId: "AS4AUn=" }, { itemId: "AS4AUM=" }),
    more: false
  }),
  "getfolder-response.xml": answered(inboxResponse, {
    folderId: "AQApA=",
    unreadCount: 2,
    serverVersion: undefined
  }),
  "convertid-response.xml": answered(anyResponse, 1),
  "convertid-response-error-id-malformed.xml": answered(anyResponse, refused("ErrorInvalidIdMalformed")),
  "syncfolderitems-response.xml": answered(anyResponse, 1),
  "syncfolderitems-response-error-syncstate.xml": answered(anyResponse, refused("ErrorInvalidSyncStateData")),
  "resolvenames-response.xml": answered(anyResponse, 1),
  "resolvenames-response-error-noresults.xml": answered(anyResponse, refused("ErrorNameResolutionNoResults")),
  "response-error-nonexistent-mailbox-messagexml.xml": answered(
    mailsResponse,
    refused("ErrorNonExistentMailbox")
  ),
  "response-error-item-not-found.xml": answered(mailsResponse, mails()),
  "fault-2007-access-denied.xml": answered(mailsResponse, refused("Client", 500), 500),
  "fault-schema-validation.xml": answered(mailsResponse, refused("ErrorSchemaValidation", 500), 500),
  "fault-schema-validation-2.xml": answered(mailsResponse, refused("ErrorSchemaValidation", 500), 500),
  "fault-server-busy-backoff.xml": answered(mailsResponse, busy("ErrorServerBusy", 297_749), 500),

  "sendnotification-status-2007sp1.xml": events(
    "FwB0ZXN0LW1haWwyLm1zZnQudmlydHVhbBAAAABzUd2ea9nSRZxccnlZiYGL",
    "Status"
  ),
  "sendnotification-status-2016.xml": events("XXXXX=", "Status"),
  "workmail-sendnotification-modified.xml": events("hKJETtoAdi9PPW0tZDQ4MThmMDoVYB", "Modified"),
  "sendnotification-created-newmail-modified.derived.xml": events(
    "JgBibjFwcjAzbWIyMDIubmFtcHJkMDMucHJvZC5vdXRsb29rLmNvbRAAAADwXxVesOnHS5BxUHKwAW88SHjwd1iB0Ag=",
    "Created",
    "NewMail",
    "Modified"
  ),
  "workmail-sendnotificationresult-ok.xml": { as: "status", is: "OK" },
  "workmail-sendnotificationresult-unsubscribe.xml": { as: "status", is: "Unsubscribe" },
  "sendnotificationresult-unsubscribe-exchangelib.xml": { as: "status", is: "Unsubscribe" },

  "autodiscover-pox-request.xml": { as: "plain XML", root: "Autodiscover" },
  "autodiscover-pox-response-settings.xml": autodiscover,
  "autodiscover-pox-response-error-600.xml": autodiscover,
  "autodiscover-pox-response-redirectaddr.xml": autodiscover,
  "autodiscover-pox-response-redirecturl.derived.xml": autodiscover,
  "autodiscover-soap-getusersettings-request.xml": requested("GetUserSettingsRequestMessage"),
  "autodiscover-soap-getusersettings-response.xml": autodiscover,
  "autodiscover-soap-redirectaddress.xml": autodiscover,
  "autodiscover-soap-getusersettings-request-2010.xml": requested("GetUserSettingsRequestMessage"),
  "autodiscover-soap-getusersettings-response-2010.xml": autodiscover,
  "autodiscover-v2-response-200.http": autodiscover
}

/** The document in a file; those of whole HTTP messages have no blank line before it. */
const document = (name: string): string => {
  const text = samples.read(name).toString("utf8")
  return name.endsWith(".http") ? text.slice(text.indexOf("<?xml")) : text
}

describe("samples of others' messages", () => {
  it.runIf(samples.present)(`all have a row in this table${samples.orSkipped}`, () => {
    const messages = samples.names(/\.(xml|http)$/)
    expect(messages.length).toBe(samples.names(/^(?!INDEX\.md$)/).length)
    expect(messages.toSorted()).toEqual(Object.keys(expected).toSorted())
  })

  for (const [name, expectation] of Object.entries(expected)) {
    if (expectation.as === "another test's") {
      it(`${name} is read by ${expectation.test}`, () => {
        expect(readFileSync(new URL(expectation.test, import.meta.url), "utf8")).toContain(`"${name}"`)
      })
      continue
    }
    it.runIf(samples.present)(`${name} is read as it should${samples.orSkipped}`, () => {
      switch (expectation.as) {
        case "answer": {
          const { decode, is, status } = expectation
          const read = decode(site, { status, headers: {}, body: Buffer.from(document(name)) }, NOW)
          expect(Either.isLeft(read) ? { ...read.left } : read.right).toEqual(is)
          return
        }
        case "request":
          return expect(Either.getOrThrow(readSoap(document(name), 100_000)).local).toBe(
            expectation.operation
          )
        case "plain XML":
          return expect(Either.getOrThrow(readDocument(samples.read(name), 100_000)).local).toBe(
            expectation.root
          )
        case "callback":
          return expect(Either.getOrThrow(decodeSendNotification(document(name)))).toMatchObject(
            expectation.is
          )
        case "status": {
          const result = Either.getOrThrow(readSoap(document(name), 100_000))
          expect(result.local).toBe("SendNotificationResult")
          expect(textOf(result, MESSAGES, "SubscriptionStatus")).toBe(expectation.is)
        }
      }
    })
  }
})
