import { type Call, lookUpFolder } from "./ExchangeCall.ts"
import type { Mailbox, StoredMail } from "./ExchangeMailbox.ts"
import { itemFields, mailXml, refused } from "./ExchangeMailXml.ts"
import { matcherOf } from "./ExchangeRestriction.ts"
import { error, type Outcome, type Reply, response, success } from "./ExchangeSoap.ts"
import { child, descend, type Element } from "./ExchangeXml.ts"

/** FindItem with Restriction, SortOrder and IndexedPageItemView; newest first if no order is asked for. */
export const findItem = (call: Call): Reply => {
  const fields = itemFields(call)
  if (fields._tag === "Left") return fields.left
  // A search never returns bodies.
  if (fields.right.has("item:Body") && asksForBody(call)) return refused(call)
  const restriction = child(call.request, "Restriction")
  const matches = restriction === undefined ? () => true : matcherOf(restriction.children[0])
  const limit = restriction === undefined ? MAX_FOUND : MAX_FOUND_RESTRICTED
  const inOrder = orderOf(child(call.request, "SortOrder"))
  const parents = child(call.request, "ParentFolderIds")?.children ?? []
  return response(
    "FindItem",
    parents.map((id): Outcome => {
      const found = lookUpFolder(call, id)
      if ("code" in found) return error(found.code)
      if (matches === undefined || inOrder === undefined) return error("ErrorUnsupportedPathForQuery")
      const mails = inOrder(found.mailbox.mailsIn(found.folder.name).filter(matches))
      return success(
        pageXml(found.mailbox, mails, fields.right, child(call.request, "IndexedPageItemView"), limit)
      )
    })
  )
}

/** Default shapes contain the body, and lose it in a search without a word. */
const asksForBody = (call: Call): boolean =>
  descend(call.request, "ItemShape", "AdditionalProperties")?.children.some(
    (field) => field.attributes["FieldURI"] === "item:Body"
  ) === true

type InOrder = (mails: ReadonlyArray<StoredMail>) => ReadonlyArray<StoredMail>

/** Only the time of arrival is an order here; undefined for others. */
const orderOf = (sortOrder: Element | undefined): InOrder | undefined => {
  if (sortOrder === undefined) return (mails) => mails
  const [field, ...others] = sortOrder.children
  if (child(field, "FieldURI")?.attributes["FieldURI"] !== "item:DateTimeReceived" || others.length > 0)
    return undefined
  const direction = field?.attributes["Order"] === "Ascending" ? 1 : -1
  return (mails) =>
    [...mails].sort((one, other) => direction * (one.receivedAt.getTime() - other.receivedAt.getTime()))
}

const pageXml = (
  mailbox: Mailbox,
  mails: ReadonlyArray<StoredMail>,
  fields: ReadonlySet<string>,
  page: Element | undefined,
  limit: number
): string => {
  const skipped = Number(page?.attributes["Offset"] ?? 0)
  const size = Math.min(Number(page?.attributes["MaxEntriesReturned"] ?? limit), limit)
  const fromEnd = page?.attributes["BasePoint"] === "End"
  const end = fromEnd ? Math.max(0, mails.length - skipped) : Math.min(mails.length, skipped + size)
  const begin = fromEnd ? Math.max(0, end - size) : Math.min(mails.length, skipped)
  const items = mails.slice(begin, end).map((mail) => mailXml(mailbox, mail, withoutBody(fields)))
  const last = fromEnd ? begin === 0 : end === mails.length
  return (
    `<m:RootFolder IndexedPagingOffset="${fromEnd ? mails.length - begin : end}" TotalItemsInView="${mails.length}" ` +
    `IncludesLastItemInRange="${last}"><t:Items>${items.join("")}</t:Items></m:RootFolder>`
  )
}

const withoutBody = (fields: ReadonlySet<string>): ReadonlySet<string> =>
  new Set([...fields].filter((field) => field !== "item:Body"))

/** EWSFindCountLimit of Exchange 2013 and later; a restriction makes it smaller. */
const MAX_FOUND = 1000
const MAX_FOUND_RESTRICTED = 250
