import type { Call } from "./ExchangeCall.ts"
import { itemFields, mailXml } from "./ExchangeMailXml.ts"
import { error, type Outcome, type Reply, response, schemaFault, success } from "./ExchangeSoap.ts"
import { child } from "./ExchangeXml.ts"

/** GetItem: one response message per id, in order. */
export const getItem = (call: Call): Reply => {
  const fields = itemFields(call)
  if (fields._tag === "Left") return fields.left
  const ids = child(call.request, "ItemIds")?.children ?? []
  if (ids.length === 0) return schemaFault("ItemIds must not be empty")
  return response(
    "GetItem",
    ids.map((id) => itemOutcome(call, id.attributes["Id"] ?? "", fields.right))
  )
}

const itemOutcome = (call: Call, id: string, fields: ReadonlySet<string>): Outcome => {
  const mailbox = call.directory.ownerOf(id)
  if (mailbox === undefined) return error("ErrorInvalidIdMalformed")
  if (!call.directory.mayRead(call.user, mailbox)) return error("ErrorAccessDenied")
  const mail = mailbox.mail(id)
  if (mail === undefined) return error("ErrorItemNotFound")
  return success(`<m:Items>${mailXml(mailbox, mail, fields)}</m:Items>`)
}
