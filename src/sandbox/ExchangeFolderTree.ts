import { newFolderId } from "./ExchangeIds.ts"

export type FolderName =
  | "root"
  | "msgfolderroot"
  | "inbox"
  | "sentitems"
  | "deleteditems"
  | "drafts"
  | "junkemail"
  | "outbox"

export interface Folder {
  readonly id: string
  readonly name: FolderName
  readonly displayName: string
  readonly parent: FolderName | undefined
}

/** The folders of a mailbox, with new ids. */
export const foldersOf = (guid: string): ReadonlyMap<FolderName, Folder> =>
  new Map(
    FOLDERS.map(([name, displayName, parent]) => [name, { id: newFolderId(guid), name, displayName, parent }])
  )

const FOLDERS: ReadonlyArray<readonly [FolderName, string, FolderName | undefined]> = [
  ["root", "root", undefined],
  ["msgfolderroot", "Top of Information Store", "root"],
  ["inbox", "Inbox", "msgfolderroot"],
  ["sentitems", "Sent Items", "msgfolderroot"],
  ["deleteditems", "Deleted Items", "msgfolderroot"],
  ["drafts", "Drafts", "msgfolderroot"],
  ["junkemail", "Junk Email", "msgfolderroot"],
  ["outbox", "Outbox", "msgfolderroot"]
]
