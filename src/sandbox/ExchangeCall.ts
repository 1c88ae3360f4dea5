import type { Directory } from "./ExchangeDirectory.ts"
import type { Folder } from "./ExchangeFolderTree.ts"
import type { Mailbox } from "./ExchangeMailbox.ts"
import type { PushSender } from "./ExchangePush.ts"
import type { ServerRelease } from "./ExchangeVersions.ts"
import { child, type Element, textAt } from "./ExchangeXml.ts"

/** One EWS request, authenticated. */
export interface Call {
  readonly user: Mailbox
  readonly directory: Directory
  readonly push: PushSender
  /** `t:RequestServerVersion/@Version`. */
  readonly version: string
  /** The operation's element. */
  readonly request: Element
  readonly settings: CallSettings
  readonly release: ServerRelease
}

export interface CallSettings {
  readonly maxSubscriptions: number
  /** Minutes, instead of what is asked for. */
  readonly statusFrequency: number | undefined
  readonly firstCallback: "before" | "after" | "none"
}

/** A folder that a request names, or why it cannot be had. `own`: the user is the mailbox's owner. */
export type FolderLookup =
  | { readonly mailbox: Mailbox; readonly folder: Folder; readonly own: boolean }
  | { readonly code: string }

/**
 * Resolves `t:FolderId` or `t:DistinguishedFolderId` (with a Mailbox, or the user's own) and checks that the user may
 * read it.
 */
export const lookUpFolder = (call: Call, id: Element): FolderLookup => {
  const found = id.name === "DistinguishedFolderId" ? lookUpByName(call, id) : lookUpById(call, id)
  if ("code" in found) return found
  if (!call.directory.mayRead(call.user, found.mailbox)) return { code: "ErrorAccessDenied" }
  return { ...found, own: found.mailbox === call.user }
}

/** The properties that a shape asks for: its base shape's, and those of AdditionalProperties. */
export const askedFields = (
  shape: Element | undefined,
  baseShapes: Readonly<Record<string, ReadonlyArray<string>>>
): ReadonlySet<string> => {
  const base = textAt(shape, "BaseShape") ?? "IdOnly"
  const additional = child(shape, "AdditionalProperties")?.children ?? []
  return new Set([
    ...(baseShapes[base] ?? []),
    ...additional
      .filter((field) => field.name === "FieldURI")
      .map((field) => field.attributes["FieldURI"] ?? "")
  ])
}

type Found = { readonly mailbox: Mailbox; readonly folder: Folder } | { readonly code: string }

const lookUpByName = (call: Call, id: Element): Found => {
  const address = textAt(id, "Mailbox", "EmailAddress")
  const mailbox = address === undefined ? call.user : call.directory.find(address)
  if (mailbox === undefined) return { code: "ErrorNonExistentMailbox" }
  const folder = call.directory.folderByName(mailbox, id.attributes["Id"] ?? "")
  return folder === undefined ? { code: "ErrorFolderNotFound" } : { mailbox, folder }
}

const lookUpById = (call: Call, id: Element): Found => {
  const text = id.attributes["Id"] ?? ""
  if (call.directory.ownerOf(text) === undefined) return { code: "ErrorInvalidIdMalformed" }
  return call.directory.folderById(text) ?? { code: "ErrorFolderNotFound" }
}
