import type { Call } from "./ExchangeCall.ts"
import type { Mailbox } from "./ExchangeMailbox.ts"
import { error, type Reply, response, success } from "./ExchangeSoap.ts"
import { child, escapeXml, textAt } from "./ExchangeXml.ts"

/** ResolveNames: mailboxes whose address or display name begins with the entry. */
export const resolveNames = (call: Call): Reply => {
  const entry = (textAt(call.request, "UnresolvedEntry") ?? "").toLowerCase().replace(/^smtp:/, "")
  const found = call.directory
    .all()
    .filter(
      (one) =>
        entry !== "" && [one.address, one.displayName].some((text) => text.toLowerCase().startsWith(entry))
    )
    .slice(0, 100)
  if (found.length === 0) return response("ResolveNames", [error("ErrorNameResolutionNoResults")])
  return response("ResolveNames", [
    success(
      `<m:ResolutionSet TotalItemsInView="${found.length}" IncludesLastItemInRange="true">${found.map(resolution).join("")}</m:ResolutionSet>`
    )
  ])
}

/** ConvertId: client libraries send one with a dummy id to learn the server's version. No id is ever converted. */
export const convertId = (call: Call): Reply =>
  response(
    "ConvertId",
    (child(call.request, "SourceIds")?.children ?? []).map(() => error("ErrorInvalidIdMalformed"))
  )

const resolution = (mailbox: Mailbox): string =>
  `<t:Resolution><t:Mailbox><t:Name>${escapeXml(mailbox.displayName)}</t:Name>` +
  `<t:EmailAddress>${escapeXml(mailbox.address)}</t:EmailAddress><t:RoutingType>SMTP</t:RoutingType>` +
  "<t:MailboxType>Mailbox</t:MailboxType></t:Mailbox></t:Resolution>"
