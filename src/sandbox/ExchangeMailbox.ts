import { randomUUID } from "node:crypto"
import { type Folder, type FolderName, foldersOf } from "./ExchangeFolderTree.ts"
import { EventHistory, type MailboxEvent } from "./ExchangeHistory.ts"
import { newItemId, sequenceOf, watermarkOf } from "./ExchangeIds.ts"

/** Who may log in, and to what. */
export interface MailboxOptions {
  readonly address: string
  readonly password: string
  /** Bearer tokens that open this mailbox. */
  readonly tokens?: ReadonlyArray<string>
  readonly displayName?: string
  /** Default: what stands before the @. */
  readonly username?: string
  /** Default: first label of the address's domain. */
  readonly domain?: string
  /** Addresses of users who may read this mailbox (but not subscribe to it). */
  readonly delegates?: ReadonlyArray<string>
}

/** A mail to be delivered. */
export interface IncomingMail {
  readonly from: string
  readonly fromName?: string
  readonly subject: string
  readonly body: string
  /** Default `inbox`; anything else is what a server-side rule would do. */
  readonly folder?: FolderName
  readonly isRead?: boolean
  readonly receivedAt?: Date
  /** Live subscriptions do not hear of it, as if its events had been lost on the way; a later one with a watermark does. */
  readonly unreported?: boolean
}

export interface StoredMail {
  readonly id: string
  readonly folder: FolderName
  readonly from: { readonly name: string; readonly address: string }
  readonly subject: string
  readonly body: string
  readonly receivedAt: Date
  readonly isRead: boolean
  readonly internetMessageId: string
}

/** One mailbox: its folders, mails and event history. Everything is in memory and bounded. */
export class Mailbox {
  readonly address: string
  readonly displayName: string
  readonly username: string
  readonly domain: string
  readonly delegates: Set<string>
  password: string
  tokens: ReadonlySet<string>
  readonly #mails = new Map<string, StoredMail>()
  readonly #history = new EventHistory()
  readonly #listeners = new Set<(events: ReadonlyArray<MailboxEvent>) => void>()
  #guid = randomUUID()
  #folders = foldersOf(this.#guid)

  constructor(options: MailboxOptions) {
    const [local = "", host = ""] = options.address.split("@")
    this.address = options.address
    this.displayName = options.displayName ?? local
    this.username = options.username ?? local
    this.domain = options.domain ?? host.split(".")[0] ?? ""
    this.delegates = new Set((options.delegates ?? []).map((address) => address.toLowerCase()))
    this.password = options.password
    this.tokens = new Set(options.tokens)
  }

  /** In every id and watermark of this mailbox. */
  get guid(): string {
    return this.#guid
  }

  get folders(): ReadonlyMap<FolderName, Folder> {
    return this.#folders
  }

  /** Called with the events of each change, before the call that made it returns; answers how to stop. */
  listen(listener: (events: ReadonlyArray<MailboxEvent>) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  folder(name: FolderName): Folder {
    return this.folders.get(name)!
  }

  mail(id: string): StoredMail | undefined {
    return this.#mails.get(id)
  }

  /** Newest first. */
  mailsIn(name: FolderName): ReadonlyArray<StoredMail> {
    return [...this.#mails.values()].filter((mail) => mail.folder === name).reverse()
  }

  unreadIn(name: FolderName): number {
    return this.mailsIn(name).filter((mail) => !mail.isRead).length
  }

  deliver(mail: IncomingMail): string {
    const folder = mail.folder ?? "inbox"
    const id = newItemId(this.#guid)
    this.#mails.set(id, {
      id,
      folder,
      from: { name: mail.fromName ?? "", address: mail.from },
      subject: mail.subject,
      body: mail.body,
      receivedAt: mail.receivedAt ?? new Date(),
      isRead: mail.isRead ?? false,
      internetMessageId: `<${randomUUID()}@sandbox>`
    })
    if (this.#mails.size > MAX_MAILS) this.#mails.delete(this.#mails.keys().next().value!)
    const created = this.#itemEvent("Created", id, folder)
    const arrived = folder === "inbox" ? [this.#itemEvent("NewMail", id, folder)] : []
    const events = [created, ...arrived, this.#folderEvent(folder)]
    if (mail.unreported === true) this.#history.add(events)
    else this.#publish(events)
    return id
  }

  /** False if there is no such mail. A flag that does not change causes no event. */
  markRead(id: string, isRead = true): boolean {
    const mail = this.#mails.get(id)
    if (mail === undefined) return false
    if (mail.isRead === isRead) return true
    this.#mails.set(id, { ...mail, isRead })
    this.#publish([this.#itemEvent("Modified", id, mail.folder), this.#folderEvent(mail.folder)])
    return true
  }

  /** The mail's new id: Exchange gives another one when a mail moves. Undefined if there is no such mail. */
  move(id: string, to: FolderName): string | undefined {
    const mail = this.#mails.get(id)
    if (mail === undefined) return undefined
    const newId = newItemId(this.#guid)
    this.#mails.delete(id)
    this.#mails.set(newId, { ...mail, id: newId, folder: to })
    const moved: MailboxEvent = {
      ...this.#itemEvent("Moved", newId, to),
      old: { itemId: id, parentFolderId: this.folder(mail.folder).id }
    }
    this.#publish([moved, this.#folderEvent(mail.folder), this.#folderEvent(to)])
    return newId
  }

  /** Deletes for good. False if there is no such mail. */
  delete(id: string): boolean {
    const mail = this.#mails.get(id)
    if (mail === undefined) return false
    this.#mails.delete(id)
    this.#publish([this.#itemEvent("Deleted", id, mail.folder), this.#folderEvent(mail.folder)])
    return true
  }

  /** Comes to lie in another database: new ids for all, and no history. Ask `Directory.rehome`, which knows ids too. */
  rehome(): void {
    this.#guid = randomUUID()
    this.#folders = foldersOf(this.#guid)
    this.forgetHistory()
    const mails = [...this.#mails.values()]
    this.#mails.clear()
    for (const mail of mails) {
      const id = newItemId(this.#guid)
      this.#mails.set(id, { ...mail, id })
    }
  }

  /** Watermarks that were given so far are not known any more. */
  forgetHistory(): void {
    this.#history.forget()
  }

  /** The next position in the event history; a status event takes one too (as in real captures). */
  nextSequence(): number {
    return this.#history.next()
  }

  get sequence(): number {
    return this.#history.position
  }

  watermark(sequence: number): string {
    return watermarkOf(this.#guid, sequence)
  }

  /** Events after a watermark; undefined if it is not of this mailbox, or older than what is kept. */
  eventsAfter(watermark: string): ReadonlyArray<MailboxEvent> | undefined {
    const sequence = sequenceOf(this.#guid, watermark)
    return sequence === undefined ? undefined : this.#history.after(sequence)
  }

  #itemEvent(kind: MailboxEvent["kind"], itemId: string, folder: FolderName): MailboxEvent {
    return this.#event(kind, { itemId }, this.folder(folder).id, undefined)
  }

  #folderEvent(name: FolderName): MailboxEvent {
    const folder = this.folder(name)
    const parentFolderId = this.folder(folder.parent ?? "root").id
    return this.#event("Modified", { folderId: folder.id }, parentFolderId, this.unreadIn(name))
  }

  #event(
    kind: MailboxEvent["kind"],
    object: MailboxEvent["object"],
    parentFolderId: string,
    unreadCount: number | undefined
  ): MailboxEvent {
    return {
      sequence: this.nextSequence(),
      kind,
      at: new Date(),
      object,
      parentFolderId,
      old: undefined,
      unreadCount
    }
  }

  #publish(events: ReadonlyArray<MailboxEvent>): void {
    this.#history.add(events)
    for (const listener of [...this.#listeners]) listener(events)
  }
}

const MAX_MAILS = 5000
