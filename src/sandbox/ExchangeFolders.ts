import { askedFields, type Call, lookUpFolder } from "./ExchangeCall.ts"
import type { Folder } from "./ExchangeFolderTree.ts"
import type { Mailbox } from "./ExchangeMailbox.ts"
import { error, type Outcome, type Reply, response, success } from "./ExchangeSoap.ts"
import { child, type Element, escapeXml } from "./ExchangeXml.ts"

/** GetFolder: one response message per id. */
export const getFolder = (call: Call): Reply => {
  const fields = askedFields(child(call.request, "FolderShape"), BASE_SHAPES)
  const ids = child(call.request, "FolderIds")?.children ?? []
  return response(
    "GetFolder",
    ids.map((id) => folderOutcome(call, id, fields))
  )
}

const folderOutcome = (call: Call, id: Element, fields: ReadonlySet<string>): Outcome => {
  const found = lookUpFolder(call, id)
  if ("code" in found) return error(found.code)
  return success(`<m:Folders>${folderXml(found.mailbox, found.folder, fields)}</m:Folders>`)
}

const folderXml = (mailbox: Mailbox, folder: Folder, fields: ReadonlySet<string>): string =>
  `<t:Folder>${FIELDS.filter(([name]) => fields.has(name))
    .map(([, write]) => write(mailbox, folder))
    .join("")}</t:Folder>`

/** In the schema's order. */
const FIELDS: ReadonlyArray<readonly [string, (mailbox: Mailbox, folder: Folder) => string]> = [
  ["folder:FolderId", (_, folder) => `<t:FolderId Id="${folder.id}" ChangeKey="AQAAABYAAAA="/>`],
  [
    "folder:ParentFolderId",
    (mailbox, folder) =>
      folder.parent === undefined
        ? ""
        : `<t:ParentFolderId Id="${mailbox.folder(folder.parent).id}" ChangeKey="AQAAAA=="/>`
  ],
  ["folder:FolderClass", () => "<t:FolderClass>IPF.Note</t:FolderClass>"],
  ["folder:DisplayName", (_, folder) => `<t:DisplayName>${escapeXml(folder.displayName)}</t:DisplayName>`],
  [
    "folder:TotalCount",
    (mailbox, folder) => `<t:TotalCount>${mailbox.mailsIn(folder.name).length}</t:TotalCount>`
  ],
  [
    "folder:ChildFolderCount",
    (mailbox, folder) =>
      `<t:ChildFolderCount>${[...mailbox.folders.values()].filter((one) => one.parent === folder.name).length}</t:ChildFolderCount>`
  ],
  [
    "folder:DistinguishedFolderId",
    (_, folder) => `<t:DistinguishedFolderId>${folder.name}</t:DistinguishedFolderId>`
  ],
  [
    "folder:UnreadCount",
    (mailbox, folder) => `<t:UnreadCount>${mailbox.unreadIn(folder.name)}</t:UnreadCount>`
  ]
]

const BASE_SHAPES = {
  IdOnly: ["folder:FolderId"],
  Default: [
    "folder:FolderId",
    "folder:DisplayName",
    "folder:TotalCount",
    "folder:ChildFolderCount",
    "folder:UnreadCount"
  ],
  AllProperties: FIELDS.map(([name]) => name)
}
