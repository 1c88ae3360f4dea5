import { randomUUID } from "node:crypto"
import { type Call, lookUpFolder } from "./ExchangeCall.ts"
import type { Mailbox } from "./ExchangeMailbox.ts"
import { error, type Outcome, type Reply, response, schemaFault, success } from "./ExchangeSoap.ts"
import { child, type Element, escapeXml, MESSAGES, TYPES, textAt } from "./ExchangeXml.ts"

/**
 * Subscribe. Push subscriptions work; pull ones are accepted so that a client library does not stumble, but there is no
 * GetEvents.
 */
export const subscribe = async (call: Call): Promise<Reply> => {
  const push = child(call.request, "PushSubscriptionRequest", MESSAGES)
  const pull = child(call.request, "PullSubscriptionRequest", MESSAGES)
  const request = push ?? pull
  if (request === undefined) return schemaFault("Subscribe wants a push or a pull subscription request")
  const broken = push === undefined ? undefined : brokenSchema(push)
  if (broken !== undefined) return schemaFault(broken)
  const target = targetOf(call, request)
  if ("code" in target) return response("Subscribe", [error(target.code)])
  const watermark = textAt(request, "Watermark")
  const missed = watermark === undefined ? [] : target.mailbox.eventsAfter(watermark)
  if (missed === undefined) return response("Subscribe", [error("ErrorInvalidWatermark")])
  if (push === undefined) return response("Subscribe", [made(randomUUID(), target.mailbox)])
  const url = textAt(push, "URL") ?? ""
  if (!isCallbackUrl(url)) return response("Subscribe", [error("ErrorInvalidPushSubscriptionUrl")])
  if (call.push.countOf(target.mailbox) >= call.settings.maxSubscriptions)
    return response("Subscribe", [error("ErrorExceededSubscriptionCount")])

  const subscription = call.push.subscribe({
    mailbox: target.mailbox,
    url,
    folderIds: target.folderIds,
    eventTypes: new Set(child(request, "EventTypes")?.children.map((type) => type.text.trim())),
    statusFrequency: call.settings.statusFrequency ?? Number(textAt(push, "StatusFrequency")),
    requestedVersion: call.version,
    watermark: watermark ?? target.mailbox.watermark(target.mailbox.sequence),
    missed
  })
  const reply = response("Subscribe", [
    success(
      `<m:SubscriptionId>${subscription.request.id}</m:SubscriptionId><m:Watermark>${subscription.watermark}</m:Watermark>`
    )
  ])
  if (call.settings.firstCallback === "before") {
    await subscription.start(true)
    return reply
  }
  const start = () => void subscription.start(call.settings.firstCallback === "after")
  return reply._tag === "Response" ? { ...reply, afterwards: start } : reply
}

/** Unsubscribe is for pull subscriptions; a push subscription ends by its listener's answer. */
export const unsubscribe = (call: Call): Reply => {
  const id = textAt(call.request, "SubscriptionId") ?? ""
  const isPush = call.push.find(id) !== undefined
  const isGuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)
  const outcome = isPush
    ? error("ErrorInvalidPullSubscriptionId")
    : isGuid
      ? success("")
      : error("ErrorSubscriptionNotFound")
  return response("Unsubscribe", [outcome])
}

const made = (id: string, mailbox: Mailbox): Outcome =>
  success(
    `<m:SubscriptionId>${escapeXml(id)}</m:SubscriptionId><m:Watermark>${mailbox.watermark(mailbox.sequence)}</m:Watermark>`
  )

/** The folders of one mailbox that is the user's own. */
const targetOf = (
  call: Call,
  request: Element
): { readonly mailbox: Mailbox; readonly folderIds: ReadonlySet<string> } | { readonly code: string } => {
  const ids = child(request, "FolderIds")?.children ?? []
  const everything = request.attributes["SubscribeToAllFolders"] === "true"
  if (everything === ids.length > 0) return { code: "ErrorInvalidSubscriptionRequest" }
  if (everything)
    return {
      mailbox: call.user,
      folderIds: new Set([...call.user.folders.values()].map((folder) => folder.id))
    }
  const folderIds = new Set<string>()
  for (const id of ids) {
    const found = lookUpFolder(call, id)
    if ("code" in found) return found
    if (!found.own) return { code: "ErrorSubscriptionDelegateAccessNotSupported" }
    folderIds.add(found.folder.id)
  }
  return { mailbox: call.user, folderIds }
}

/** As strict as Exchange: names, namespace, order and values of the schema. */
const brokenSchema = (request: Element): string | undefined => {
  const names = request.children.map((element) => element.name)
  const positions = names.map((name) => SEQUENCE.indexOf(name))
  if (request.children.some((element) => element.namespace !== TYPES && element.name !== "Watermark"))
    return "the children of PushSubscriptionRequest belong to the types namespace"
  if (positions.some((position, index) => position < 0 || position <= (positions[index - 1] ?? -1)))
    return `PushSubscriptionRequest has ${names.join(", ")}`
  const frequency = Number(textAt(request, "StatusFrequency"))
  if (!Number.isInteger(frequency) || frequency < 1 || frequency > 1440) return "StatusFrequency is 1 to 1440"
  const types = child(request, "EventTypes")?.children.map((type) => type.text.trim()) ?? []
  if (types.length === 0 || types.some((type) => !EVENT_TYPES.includes(type)))
    return `EventTypes has ${types}`
  return names.includes("URL") ? undefined : "URL is missing"
}

const isCallbackUrl = (url: string): boolean =>
  url.length < 2083 && URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)

const SEQUENCE = ["FolderIds", "EventTypes", "Watermark", "StatusFrequency", "URL", "CallerData"]
const EVENT_TYPES = ["Copied", "Created", "Deleted", "Modified", "Moved", "NewMail", "FreeBusyChanged"].map(
  (kind) => `${kind}Event`
)
