import type { Folder, FolderName } from "./ExchangeFolderTree.ts"
import { mailboxGuidOf } from "./ExchangeIds.ts"
import { Mailbox, type MailboxOptions } from "./ExchangeMailbox.ts"

/** All mailboxes of the organisation, and who may open which. */
export class Directory {
  readonly #byAddress = new Map<string, Mailbox>()
  readonly #byGuid = new Map<string, Mailbox>()

  /** Adds a mailbox. One with the same address keeps its mails and gets the new password, tokens and delegates. */
  add(options: MailboxOptions): Mailbox {
    const known = this.find(options.address)
    if (known === undefined) {
      const mailbox = new Mailbox(options)
      this.#byAddress.set(options.address.toLowerCase(), mailbox)
      this.#byGuid.set(mailbox.guid, mailbox)
      return mailbox
    }
    known.password = options.password
    if (options.tokens !== undefined) known.tokens = new Set(options.tokens)
    for (const delegate of options.delegates ?? []) known.delegates.add(delegate.toLowerCase())
    return known
  }

  find(address: string): Mailbox | undefined {
    return this.#byAddress.get(address.trim().toLowerCase())
  }

  all(): ReadonlyArray<Mailbox> {
    return [...this.#byAddress.values()]
  }

  /** The mailbox that an item or folder id belongs to. */
  ownerOf(id: string): Mailbox | undefined {
    const guid = mailboxGuidOf(id)
    return guid === undefined ? undefined : this.#byGuid.get(guid)
  }

  folderById(id: string): { readonly mailbox: Mailbox; readonly folder: Folder } | undefined {
    const mailbox = this.ownerOf(id)
    const folder = [...(mailbox?.folders.values() ?? [])].find((one) => one.id === id)
    return mailbox === undefined || folder === undefined ? undefined : { mailbox, folder }
  }

  folderByName(mailbox: Mailbox, name: string): Folder | undefined {
    return mailbox.folders.get(name as FolderName)
  }

  mayRead(user: Mailbox, mailbox: Mailbox): boolean {
    return user === mailbox || mailbox.delegates.has(user.address.toLowerCase())
  }

  /** `user@host`, `DOMAIN\user` or `user`, as IIS takes them. */
  named(name: string): Mailbox | undefined {
    const byAddress = this.find(name)
    if (byAddress !== undefined) return byAddress
    const [domain, username] = name.includes("\\")
      ? name.toLowerCase().split("\\", 2)
      : [undefined, name.toLowerCase()]
    return this.all().find(
      (mailbox) =>
        mailbox.username.toLowerCase() === username &&
        (domain === undefined || domainsOf(mailbox).includes(domain))
    )
  }

  /** Gives the mailbox, its folders and mails other ids, as when it comes to lie in another database. */
  rehome(mailbox: Mailbox): void {
    this.#byGuid.delete(mailbox.guid)
    mailbox.rehome()
    this.#byGuid.set(mailbox.guid, mailbox)
  }
}

/** The domain's short name, and the long one. */
const domainsOf = (mailbox: Mailbox): ReadonlyArray<string> =>
  [mailbox.domain, mailbox.address.split("@")[1] ?? ""].map((domain) => domain.toLowerCase())
