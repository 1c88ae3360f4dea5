import { mailboxGuidOf } from "./ExchangeIds.ts"
import { type Folder, type FolderName, Mailbox, type MailboxOptions } from "./ExchangeMailbox.ts"

/** Whom a request acts for: undefined = nobody (no log-in was tried), `false` = a log-in that failed. */
export type Login = Mailbox | undefined | false

/** All mailboxes of the organisation, and who may open which. */
export class Directory {
  readonly #byAddress = new Map<string, Mailbox>()
  readonly #byGuid = new Map<string, Mailbox>()
  /** Log-ins by outcome; `anonymous` are requests without any, which get a challenge. */
  readonly logins = { ok: 0, failed: 0, anonymous: 0 }
  readonly #failedOf = new Map<string, number>()

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

  /** Failed log-ins that named this user. */
  failedLogins(address: string): number {
    return this.#failedOf.get(address.toLowerCase()) ?? 0
  }

  /** Checks an Authorization header and counts the outcome. */
  login(authorization: string | undefined): Login {
    if (authorization === undefined) {
      this.logins.anonymous += 1
      return undefined
    }
    const [scheme = "", value = ""] = authorization.split(/ +/, 2)
    const user =
      scheme.toLowerCase() === "basic"
        ? this.#basic(value)
        : scheme.toLowerCase() === "bearer"
          ? this.all().find((mailbox) => mailbox.tokens.has(value))
          : undefined
    if (user === undefined) this.logins.failed += 1
    else this.logins.ok += 1
    return user ?? false
  }

  /** Counts a log-in that a script refuses although it is right. */
  refuse(user: Mailbox): void {
    this.logins.ok -= 1
    this.logins.failed += 1
    this.#countFailed(user)
  }

  /** Clients differ in how they write umlauts (UTF-8 or Latin-1), and servers take both. */
  #basic(value: string): Mailbox | undefined {
    const bytes = Buffer.from(value, "base64")
    const pairs = (["utf8", "latin1"] as const).map((encoding) => {
      const text = bytes.toString(encoding)
      const colon = Math.max(text.indexOf(":"), 0)
      return { user: this.#named(text.slice(0, colon)), password: text.slice(colon + 1) }
    })
    const right = pairs.find(({ user, password }) => user?.password === password)
    const named = pairs[0]?.user
    if (right === undefined && named !== undefined) this.#countFailed(named)
    return right?.user
  }

  #countFailed(user: Mailbox): void {
    this.#failedOf.set(user.address.toLowerCase(), this.failedLogins(user.address) + 1)
  }

  /** `user@host`, `DOMAIN\user` or `user`, as IIS takes them. */
  #named(name: string): Mailbox | undefined {
    const byAddress = this.find(name)
    if (byAddress !== undefined) return byAddress
    const [domain, username] = name.includes("\\")
      ? name.toLowerCase().split("\\", 2)
      : [undefined, name.toLowerCase()]
    return this.all().find(
      (mailbox) =>
        mailbox.username.toLowerCase() === username &&
        (domain === undefined || mailbox.domain.toLowerCase() === domain)
    )
  }
}
