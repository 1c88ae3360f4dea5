import { Either } from "effect"
import { gatewayRefusal } from "../../../layers/ews/GatewayAnswer.ts"
import {
  inboxResponse,
  mailsResponse,
  missedResponse,
  subscribeResponse,
  textBodiesResponse
} from "../../../layers/ews/Responses.ts"
import { type HttpAnswer, offeredSchemes, versionIn } from "../../../layers/ews/SoapAnswer.ts"
import { refusalIn } from "../../../layers/ews/SoapRefusal.ts"
import { wantText, withPreviews } from "../../../layers/ews/TextPreview.ts"
import { RETRY_AFTER_MAX } from "../../../layers/net/RetryAfter.ts"
import type { EwsError } from "../../../schemas/EwsError.ts"
import { EXCHANGE_VERSIONS, type Mail } from "../../../schemas/EwsMessage.ts"
import { envelope, failure, fault, inbox, item, message, responses, success } from "../../support/SoapText.ts"
import { httpAnswer, httpText } from "../HttpText.ts"
import { realMessages, XML_WORDS } from "../Samples.ts"
import { check, checkWords, own, type Target } from "../Target.ts"

const SITE = { operation: "GetItem", host: "mail.example.com" }
const NOW = 1_700_000_000_000
const XML = { "content-type": "text/xml" }

/** What Exchange answers, or whatever stands in front of it. */
export const target: Target = {
  name: "ews",
  form: "xml",
  words: [
    ...XML_WORDS,
    "500\n",
    "401\n",
    "503\n",
    "200\n",
    "\nretry-after: 30\n",
    "BackOffMilliseconds",
    "ErrorItemNotFound",
    "m:Items",
    "t:Message",
    "\u0301"
  ],
  seeds: () => [
    ...own(
      ...[
        inbox(7, [15, 2]),
        envelope(responses("GetItem", item("AAMk", FIELDS), failure("ErrorItemNotFound")), [15, 1]),
        envelope(responses("GetItem", item("B", `<t:Body BodyType="Text">${"text ".repeat(100)}</t:Body>`))),
        envelope(
          responses(
            "FindItem",
            success(
              `<m:RootFolder TotalItemsInView="2" IncludesLastItemInRange="true"><t:Items>${message("A", FIELDS)}${message("B")}</t:Items></m:RootFolder>`
            )
          )
        ),
        envelope(
          responses(
            "Subscribe",
            success("<m:SubscriptionId>S</m:SubscriptionId><m:Watermark>AQ==</m:Watermark>")
          )
        ),
        envelope(responses("Subscribe", BUSY))
      ].map((body) => httpText(200, { ...XML, date: "Tue, 14 Nov 2023 22:13:20 GMT" }, body)),
      httpText(500, { ...XML, "retry-after": "5" }, envelope(fault("ErrorServerBusy"))),
      httpText(401, { "www-authenticate": 'Negotiate, NTLM, Basic realm="x, y"' }, "")
    ),
    ...realMessages(/^(get|find|subscribe|response|fault|sync|resolve).*\.xml$/, (body) =>
      httpText(200, XML, body)
    ),
    ...realMessages(/^fault.*\.xml$/, (body) => httpText(500, XML, body))
  ],
  run: (input) => {
    const answer = httpAnswer(input)
    // The document is read anew for each, and only one of them sees an answer: of long ones the length says which.
    if (input.length < 8_192) for (const read of READERS) read(answer)
    else READERS[input.length % READERS.length]!(answer)
    const code = refusalIn(answer)
    check(code === undefined || /^[A-Za-z0-9_.]{1,80}$/.test(code), "a code is a name")
    for (const scheme of offeredSchemes(answer)) check(/^[\w-]{1,32}$/.test(scheme), "a scheme is a name")
    const refused = gatewayRefusal(SITE, answer, NOW)
    if (refused !== undefined) checkWords(refused.message, "the message")
  }
}

const READERS: ReadonlyArray<(answer: HttpAnswer) => void> = [
  (answer) =>
    checkError(subscribeResponse(SITE, answer, NOW), ({ subscriptionId, watermark }) => {
      check(subscriptionId !== "" && watermark !== "", "an id is not empty")
    }),
  (answer) =>
    checkError(inboxResponse(SITE, answer, NOW), ({ folderId, unreadCount }) => {
      check(
        folderId !== "" && Number.isInteger(unreadCount) && unreadCount >= 0,
        "an Inbox has an id and a count"
      )
    }),
  (answer) =>
    checkError(mailsResponse(SITE, answer, NOW), (found) => {
      found.mails.forEach(checkMail)
      check(wantText(found).length <= 10, "few texts are asked for")
    }),
  (answer) =>
    checkError(textBodiesResponse(SITE, answer, NOW), (texts) => {
      const mails = [...texts.keys()].map((itemId) => ({ ...NO_MAIL, itemId }))
      for (const mail of withPreviews(mails, texts)) checkPreview(mail, texts)
    }),
  (answer) =>
    checkError(missedResponse(SITE, answer, NOW), ({ clock, mails }) => {
      mails.forEach(checkMail)
      check(clock === undefined || Number.isFinite(clock), "a clock shows a time")
    }),
  (answer) => {
    const version = versionIn(answer)
    check(version === undefined || EXCHANGE_VERSIONS.includes(version), "a version is known")
  }
]

const NO_MAIL = {
  parentFolderId: undefined,
  receivedAt: undefined,
  isRead: false,
  sender: undefined,
  subject: undefined,
  preview: undefined
}

const TAGS = new Set(["EwsUnauthorized", "EwsForbidden", "EwsBusy", "EwsRefused", "EwsUnusable"])

const checkError = <A>(read: Either.Either<A, EwsError>, use: (answer: A) => void) => {
  if (Either.isRight(read)) return use(read.right)
  const error = read.left
  check(TAGS.has(error._tag), `the failure is of its signature (${error._tag})`)
  checkWords(error.message, "the message", 1_000)
  if (error._tag === "EwsBusy") {
    check(error.retryAfter >= 0 && error.retryAfter <= RETRY_AFTER_MAX, "no wait is longer than allowed")
  }
}

const checkMail = (mail: Mail) => {
  check(mail.itemId.length > 0, "a mail has an id")
  check(mail.receivedAt === undefined || Number.isFinite(mail.receivedAt), "a time is one")
  check(typeof mail.isRead === "boolean", "a mail is read or not")
  for (const text of [mail.sender, mail.subject, mail.preview, mail.parentFolderId])
    check(text !== "", "texts are not empty")
}

const checkPreview = ({ itemId, preview }: Mail, texts: ReadonlyMap<string, string>) => {
  if (!texts.has(itemId) || preview === undefined) return
  check(preview.length <= 255 && preview.isWellFormed(), "a preview is short, and cut between characters")
}

const FIELDS =
  "<t:Subject>Hello &amp; more</t:Subject><t:Size>2048</t:Size><t:DateTimeReceived>2026-01-02T03:04:05Z</t:DateTimeReceived>" +
  "<t:From><t:Mailbox><t:Name>Bob</t:Name><t:EmailAddress>bob@example.com</t:EmailAddress></t:Mailbox></t:From>" +
  '<t:ParentFolderId Id="F"/><t:IsRead>false</t:IsRead><t:Preview>Hi</t:Preview>'
const BUSY =
  '<m:OPERATIONResponseMessage ResponseClass="Error"><m:ResponseCode>ErrorServerBusy</m:ResponseCode><m:MessageXml>' +
  '<t:Value Name="BackOffMilliseconds">297749</t:Value></m:MessageXml></m:OPERATIONResponseMessage>'
