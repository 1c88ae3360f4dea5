import { Context, type Effect, type Option } from "effect"
import type { AuthType } from "../../schemas/Credentials.ts"
import type { ExchangeVersion } from "../../schemas/EwsMessage.ts"
import type {
  DeviceNumber,
  Generation,
  ItemId,
  SubscriptionId,
  TenantNumber,
  UserId,
  UserNumber,
  Watermark
} from "../../schemas/Ids.ts"
import type { Platform, Policy, PushEndpoint, PushEnvironment } from "../../schemas/Push.ts"
import type { StorageError } from "../../schemas/StorageError.ts"

/** An organisation. Times everywhere in storage: milliseconds since 1970. */
export interface Tenant {
  readonly tenant: TenantNumber
  readonly name: string
  /** EWS URLs that phones of this tenant may use, in order; empty = no list. */
  readonly ewsUrls: ReadonlyArray<string>
  /** SHA-256 fingerprints, lower-case hex, of certificates or their public keys. */
  readonly ewsPins: ReadonlyArray<string>
  readonly seg: boolean
}

/** How long a token lives, and whether anybody needs it. */
export interface TokenLife {
  /** About when somebody last showed it, known some minutes later; null = never. */
  readonly lastUsedAt: number | null
  /** When another one was made to take its place, the first time; null = never. */
  readonly replacedAt: number | null
  /** From then on it proves nothing; null = it does not end by itself. */
  readonly expiresAt: number | null
}

export interface ApiToken extends TokenLife {
  readonly id: string
  readonly tenant: string
  readonly label: string
  readonly createdAt: number
}

/** What takes the place of a token. */
export interface NextToken {
  /** SHA-256 of the new token. */
  readonly hash: Uint8Array
  readonly createdAt: number
  /** When the replaced token ends at the latest. */
  readonly until: number
}

/** An API token for whoever has to tell it from others. */
export interface TokenEntry extends Pick<ApiToken, "id" | "expiresAt"> {
  /** SHA-256 of the token. */
  readonly hash: Uint8Array
  readonly tenant: Tenant
}

/** Somebody showed a token. */
export interface TokenUse {
  readonly id: string
  readonly at: number
}

/** Keys of a user, each wrapped by the master key. */
export interface UserKeys {
  /** RSA-2048 private key whose public half encrypts registration payloads. */
  readonly registrationKey: Uint8Array
  /** 256-bit key that seals `f` in mode `sealed`. */
  readonly sealKey: Uint8Array
  /** RSA-2048 private key for `f` in mode `rsa`; null until that mode is used. */
  readonly callbackKey: Uint8Array | null
}

/** How old the keys of a user are. */
export interface KeyAges {
  /** When the key that seals `f` was made. */
  readonly sealKeyMadeAt: number
  /** When the key for registration payloads became this user's. */
  readonly registrationKeyMadeAt: number
}

/** A key of a user that another one has replaced, wrapped as before; at most one of each kind is kept. */
export interface FormerKey {
  readonly kind: "registration" | "seal" | "callback"
  readonly wrapped: Uint8Array
  readonly replacedAt: number
}

/** Where wrapped keys rest, for whoever wraps all of them anew. */
export type KeyPlace = "pool" | "seal" | "registration" | "callback" | "former"

/** A wrapped key with all that its wrapping is bound to. `key` tells it from others of the same place. */
export interface WrappedKey {
  readonly place: KeyPlace
  readonly key: string
  readonly kind: "pool" | FormerKey["kind"]
  /** Undefined for keys that wait in the pool. */
  readonly owner: Pick<User, "tenant" | "userId"> | undefined
  readonly wrapped: Uint8Array
}

export interface User extends Omit<UserKeys, "registrationKey">, Pick<KeyAges, "sealKeyMadeAt"> {
  readonly user: UserNumber
  readonly tenant: TenantNumber
  readonly userId: UserId
  readonly createdAt: number
  /** Highest generation that is known to have failed, also before a first registration succeeded. */
  readonly refused: Generation
  /** Keyed hash of the Inbox's FolderId; null until a registration succeeded. */
  readonly fingerprint: Uint8Array | null
}

/** The user with the key that opens registration payloads, which is big and which only they need. */
export type KeyedUser = User & Pick<UserKeys, "registrationKey"> & KeyAges

/** States that survive a restart; the passing ones are derived. */
export type StoredLink =
  | "Unconfirmed"
  | "Active"
  | "Overdue"
  | "Lost"
  | "CredentialsExpired"
  | "CredentialsRejected"
  | "Blocked"
  | "Parked"

/**
 * The subscription of a user. `hot` fields are written behind (`saveHot`) and may be some seconds old after a crash;
 * the others are written before anybody is told.
 */
export interface Subscription {
  readonly user: UserNumber
  /** The bucket that decides which node acts for the user. */
  readonly bucket: number
  readonly generation: Generation
  /** Highest generation that is known to have failed; callbacks of those up to it and above `generation` are refused. */
  readonly refused: Generation
  readonly subscriptionId: SubscriptionId | null
  readonly ewsUrl: string
  readonly exchangeVersion: ExchangeVersion
  readonly authType: AuthType
  /** When the access token stops working; null for passwords. */
  readonly tokenExpiresAt: number | null
  readonly subscribedAt: number
  /** As what it was made (see the actor's `formOf`); null = not known. */
  readonly form: number | null
  /** When the user's present key that seals `f` was made: after `subscribedAt` if the subscription is sealed with the former one. */
  readonly sealKeyMadeAt: number
  readonly link: StoredLink
  /** When the link became what it is. */
  readonly linkSince: number
  /** How many silent pushes asked for a registration since `linkSince`. */
  readonly nudges: number
  readonly hot: HotState
}

/** What changes with every callback: one row, so ledger and watermark always agree. */
export interface HotState {
  readonly watermark: Watermark | null
  readonly lastHeard: number
  /** Last known unread count of the Inbox; null = unknown. */
  readonly unread: number | null
  /** Badge that iOS devices show as far as we know; null = unknown. */
  readonly badge: number | null
  /** Mails that came since then may have been missed, and nobody has looked for them yet; null = none. */
  readonly gapSince: number | null
  /** Hashes of (item) and (item, device) with a final verdict, newest last: 8 bytes each, see the actor. */
  readonly ledger: Uint8Array
}

export interface Device {
  readonly device: DeviceNumber
  readonly token: string
  readonly platform: Platform
  readonly bundleId: string
  readonly deviceId: string | null
  readonly policy: Policy
  /** null = default, "" = none. */
  readonly sound: string | null
  readonly environment: PushEnvironment
  readonly registeredAt: number
  /** When its app was last heard of: a registration, an update of its token, a question about its status. */
  readonly seenAt: number
  /** When the last silent pushes went out (at most two are needed: the budget is 2 an hour). */
  readonly nudgedAt: ReadonlyArray<number>
  /** Where the push service keeps the device; absent with services that keep none, and until it is known. */
  readonly endpoint?: PushEndpoint
}

/** What has to be known of a user to handle a mail: as it was at one moment, without what is written behind. */
export interface StoredDossier {
  readonly user: User
  /** undefined: no registration has succeeded yet. */
  readonly subscription: Omit<Subscription, "hot" | "sealKeyMadeAt"> | undefined
  /** In the order of their numbers. */
  readonly devices: ReadonlyArray<Device>
}

/** Seen when it registers. */
export type NewDevice = Omit<Device, "device" | "seenAt" | "nudgedAt" | "endpoint">

/** A device as the search for old ones finds it. */
export interface StaleDevice {
  readonly user: UserNumber
  readonly token: string
  readonly seenAt: number
}

export type OutboxKind = "mail" | "badge" | "resubscribe"

export interface OutboxEntry {
  readonly user: UserNumber
  readonly device: DeviceNumber
  readonly kind: OutboxKind
  /** "" unless kind is `mail`. */
  readonly itemId: ItemId
  readonly queuedAt: number
}

/** The subscription's fields that a successful Subscribe sets; hot state starts anew but keeps ledger and badge. */
export interface Subscribed {
  readonly user: UserNumber
  readonly generation: Generation
  readonly subscriptionId: SubscriptionId
  readonly watermark: Watermark | null
  readonly ewsUrl: string
  readonly exchangeVersion: ExchangeVersion
  readonly authType: AuthType
  readonly tokenExpiresAt: number | null
  readonly subscribedAt: number
  /** As what it was made (see the actor's `formOf`). */
  readonly form: number | null
  readonly unread: number | null
}

/** A token that opens the console; nothing else. */
export interface AdminToken extends TokenLife {
  readonly id: string
  readonly label: string
  readonly createdAt: number
}

export interface AdminTokenEntry extends Pick<AdminToken, "expiresAt"> {
  /** SHA-256 of the token. */
  readonly hash: Uint8Array
}

/** What somebody did to the service: for auditors. No secrets, no addresses. */
export interface AuditRecord {
  readonly at: number
  /** Who: `console:<label of the admin token>`, `cli:<operating system's user>@<host>`. */
  readonly actor: string
  /** A word of ours, like `token.create`. */
  readonly action: string
  /** To what: an id, a user's hash, a level. "" = the service. */
  readonly target: string
  readonly outcome: "success" | "failure"
}

/** The latest events of a user as `schemas/History.ts` packs them. */
export interface StoredHistory {
  readonly user: UserNumber
  /** When the newest of them happened. */
  readonly lastAt: number
  readonly events: Uint8Array
}

/** A user as one tenant knows it. */
export interface NamedUser {
  readonly user: UserNumber
  readonly tenant: TenantNumber
  readonly tenantName: string
}

export interface UserPage {
  readonly rows: ReadonlyArray<Subscription>
  /** Give it to the next call; undefined = this was the last page. */
  readonly next: UserNumber | undefined
}

/**
 * All that ENS keeps. Every method either did what it says, durably (the process may be killed right after), or fails
 * with `StorageError` and did nothing. Concurrent calls are safe. Methods that "save" are idempotent. None waits for an
 * answer for ever: some seconds, then it fails, so that a callback is answered in time.
 */
export class Storage extends Context.Tag("ens/Storage")<
  Storage,
  {
    /** Where it is, for messages to the operator; no secrets. */
    readonly location: string
    /** Writes something: fails where anything else would fail that is to be kept. */
    readonly ping: Effect.Effect<void, StorageError>

    /** Stores `value` under `name` if there is none; answers the one that is stored now. */
    readonly meta: (name: string, value: Uint8Array) => Effect.Effect<Uint8Array, StorageError>
    readonly findMeta: (name: string) => Effect.Effect<Option.Option<Uint8Array>, StorageError>
    /** In one step: stores all of `put`, whatever was there, and removes `drop`. */
    readonly changeMeta: (change: {
      readonly put: Readonly<Record<string, Uint8Array>>
      readonly drop: ReadonlyArray<string>
    }) => Effect.Effect<void, StorageError>

    // Tenants and tokens -------------------------------------------------------------------------------------------
    /** Makes the token, and its tenant if new; adds the EWS URLs and pins to the tenant. `hash` = SHA-256 of the token. */
    readonly createToken: (token: {
      readonly tenant: string
      readonly label: string
      readonly hash: Uint8Array
      readonly ewsUrls: ReadonlyArray<string>
      readonly ewsPins: ReadonlyArray<string>
      readonly seg: boolean
      readonly createdAt: number
    }) => Effect.Effect<ApiToken, StorageError>
    readonly listTokens: Effect.Effect<
      ReadonlyArray<ApiToken & { readonly ewsUrls: ReadonlyArray<string> }>,
      StorageError
    >
    /** False if there is no such token. */
    readonly revokeToken: (id: string) => Effect.Effect<boolean, StorageError>
    /**
     * In one step: makes another token of the same tenant and label, and has this one end at `next.until`, or when it was to
     * end anyway if that is before. None if there is no such token, or it has ended at `next.createdAt`.
     */
    readonly rotateToken: (
      id: string,
      next: NextToken
    ) => Effect.Effect<Option.Option<{ readonly made: ApiToken; readonly expiresAt: number }>, StorageError>
    /** Only ever forward in time; tokens that are gone are passed over. */
    readonly noteTokenUses: (uses: ReadonlyArray<TokenUse>) => Effect.Effect<void, StorageError>
    /** Removes tokens of both kinds that ended before `before`; answers how many. */
    readonly dropEndedTokens: (before: number) => Effect.Effect<number, StorageError>
    /** All tokens with what they prove until they end, for whoever keeps them in memory. Ended ones are among them. */
    readonly tokenDirectory: Effect.Effect<ReadonlyArray<TokenEntry>, StorageError>
    /** Another text after each token that was made or revoked, or got an end; cheap to ask for. */
    readonly tokenVersion: Effect.Effect<string, StorageError>
    /** Whose the token is or was: also of one that has ended, so it decides nothing. */
    readonly tenantOfToken: (hash: Uint8Array) => Effect.Effect<Option.Option<Tenant>, StorageError>
    readonly tenant: (tenant: TenantNumber) => Effect.Effect<Option.Option<Tenant>, StorageError>

    // Administrators -----------------------------------------------------------------------------------------------
    /** `hash` = SHA-256 of the token. */
    readonly createAdminToken: (token: {
      readonly label: string
      readonly hash: Uint8Array
      readonly createdAt: number
    }) => Effect.Effect<AdminToken, StorageError>
    readonly listAdminTokens: Effect.Effect<ReadonlyArray<AdminToken>, StorageError>
    /** False if there is no such token. */
    readonly revokeAdminToken: (id: string) => Effect.Effect<boolean, StorageError>
    /** Also one that has ended. */
    readonly adminTokenOf: (hash: Uint8Array) => Effect.Effect<Option.Option<AdminToken>, StorageError>
    /** Of all admin tokens, for whoever has to tell a right one without asking each time. Ended ones are among them. */
    readonly adminTokenHashes: Effect.Effect<ReadonlyArray<AdminTokenEntry>, StorageError>
    /** As `rotateToken`. */
    readonly rotateAdminToken: (
      id: string,
      next: NextToken
    ) => Effect.Effect<Option.Option<{ readonly made: AdminToken; readonly expiresAt: number }>, StorageError>
    /** As `noteTokenUses`. */
    readonly noteAdminTokenUses: (uses: ReadonlyArray<TokenUse>) => Effect.Effect<void, StorageError>
    readonly addAudit: (record: AuditRecord) => Effect.Effect<void, StorageError>
    /** Newest first. */
    readonly audits: (limit: number) => Effect.Effect<ReadonlyArray<AuditRecord>, StorageError>
    /** Removes records noted before `before`; answers how many. */
    readonly dropAudits: (before: number) => Effect.Effect<number, StorageError>

    // RSA key pool -------------------------------------------------------------------------------------------------
    readonly countPoolKeys: Effect.Effect<number, StorageError>
    readonly addPoolKeys: (keys: ReadonlyArray<Uint8Array>) => Effect.Effect<void, StorageError>
    /** Takes one key out; none is ever handed out twice. */
    readonly takePoolKey: Effect.Effect<Option.Option<Uint8Array>, StorageError>

    // Users --------------------------------------------------------------------------------------------------------
    readonly findUser: (
      tenant: TenantNumber,
      userId: UserId
    ) => Effect.Effect<Option.Option<KeyedUser>, StorageError>
    readonly user: (user: UserNumber) => Effect.Effect<Option.Option<KeyedUser>, StorageError>
    /** The users with this id in all tenants, by their tenants' names. */
    readonly usersOfId: (userId: UserId) => Effect.Effect<ReadonlyArray<NamedUser>, StorageError>
    /** User, subscription and devices in one reading: what every mail asks for. */
    readonly dossier: (user: UserNumber) => Effect.Effect<Option.Option<StoredDossier>, StorageError>
    /** Makes the user; if it exists already (two requests at once) answers that one and drops `keys`. */
    readonly createUser: (user: {
      readonly tenant: TenantNumber
      readonly userId: UserId
      readonly keys: UserKeys
      readonly createdAt: number
    }) => Effect.Effect<KeyedUser, StorageError>
    /** Stores a second key pair, if there is none; answers the one that is stored now. */
    readonly setCallbackKey: (user: UserNumber, key: Uint8Array) => Effect.Effect<Uint8Array, StorageError>
    /**
     * Replaces the key that seals `f`, drops the second key pair and split ciphertexts: every callback URL so far opens
     * nothing. False, and nothing done, if the user's subscription is `Unconfirmed` or `Active`: it has been renewed.
     */
    readonly retireKeys: (user: UserNumber, sealKey: Uint8Array) => Effect.Effect<boolean, StorageError>
    /**
     * Gives the user a new key that seals `f`; the present one and the second key pair become former keys, in place of earlier
     * ones. What was sealed with them opens as long as they are kept. `at` must be later than the subscription's `subscribedAt`.
     */
    readonly replaceSealKey: (
      user: UserNumber,
      sealKey: Uint8Array,
      at: number
    ) => Effect.Effect<void, StorageError>
    /**
     * The same with the key for registration payloads, but only if the present one was made before `before`: of two at once the
     * second does nothing.
     */
    readonly replaceRegistrationKey: (
      user: UserNumber,
      key: Uint8Array,
      at: number,
      before: number
    ) => Effect.Effect<void, StorageError>
    readonly formerKeys: (user: UserNumber) => Effect.Effect<ReadonlyArray<FormerKey>, StorageError>
    /**
     * Drops former keys replaced before `before`: those for payloads at once; those that seal `f` only of users who have no
     * subscription, or one that was made after they were replaced, and before `before`, too, so that the one that it replaced
     * has had time to tell its last mails. Answers how many.
     */
    readonly dropFormerKeys: (before: number) => Effect.Effect<number, StorageError>
    /** Removes the user with keys, devices, subscription, partial ciphertexts and outbox. */
    readonly deleteUser: (user: UserNumber) => Effect.Effect<void, StorageError>
    /** The same if the user has no device, in one step with finding that out. True if there is no such user any more. */
    readonly deleteUserWithoutDevices: (user: UserNumber) => Effect.Effect<boolean, StorageError>
    /** Removes users made before `before` who never registered; answers how many. */
    readonly forgetUnregistered: (before: number) => Effect.Effect<number, StorageError>

    // Wrapping everything anew -----------------------------------------------------------------------------------
    /** Wrapped keys of one place, in a fixed order, after `after` (start with undefined). */
    readonly wrappedKeys: (
      place: KeyPlace,
      after: string | undefined,
      limit: number
    ) => Effect.Effect<ReadonlyArray<WrappedKey>, StorageError>
    /** In one transaction: puts `to` where `from` still is; keys that have changed meanwhile, or are gone, are passed over. */
    readonly rewrapKeys: (
      place: KeyPlace,
      batch: ReadonlyArray<{ readonly key: string; readonly from: Uint8Array; readonly to: Uint8Array }>
    ) => Effect.Effect<void, StorageError>

    // Subscriptions ------------------------------------------------------------------------------------------------
    readonly subscription: (user: UserNumber) => Effect.Effect<Option.Option<Subscription>, StorageError>
    /** Subscriptions ordered by user number, after `after` (start with undefined). */
    readonly subscriptions: (
      after: UserNumber | undefined,
      limit: number
    ) => Effect.Effect<UserPage, StorageError>
    /** One transaction: new subscription, fingerprint, device (if there is one) added or updated; older partial ciphertexts removed. Link becomes `Unconfirmed`. */
    readonly saveSubscribed: (
      subscribed: Subscribed,
      fingerprint: Uint8Array,
      device: NewDevice | undefined
    ) => Effect.Effect<Device | undefined, StorageError>
    /** Takes over a subscription whose storing was lost: raises the generation (the form of a new one is not known), replaces the id. */
    readonly adopt: (
      user: UserNumber,
      generation: Generation,
      subscriptionId: SubscriptionId | null
    ) => Effect.Effect<void, StorageError>
    readonly saveRefused: (user: UserNumber, refused: Generation) => Effect.Effect<void, StorageError>
    /** Many users' links in one transaction; users without a subscription, or with a newer one, are passed over. */
    readonly saveLinks: (
      batch: ReadonlyArray<{
        readonly user: UserNumber
        readonly generation: Generation
        readonly link: StoredLink
        readonly linkSince: number
        readonly nudges: number
      }>
    ) => Effect.Effect<void, StorageError>
    /**
     * Many users' hot state in one transaction; users that are gone, or have a newer subscription, are passed over. A watermark
     * of null leaves the stored one.
     */
    readonly saveHot: (
      batch: ReadonlyArray<{
        readonly user: UserNumber
        readonly generation: Generation
        readonly hot: HotState
      }>
    ) => Effect.Effect<void, StorageError>

    /** The part of split credentials that stays here, per generation; written before Exchange learns the URL. */
    readonly savePartial: (
      user: UserNumber,
      generation: Generation,
      ciphertext: Uint8Array
    ) => Effect.Effect<void, StorageError>
    readonly partial: (
      user: UserNumber,
      generation: Generation
    ) => Effect.Effect<Option.Option<Uint8Array>, StorageError>
    /** Removes the part of a generation that Exchange surely never heard of; nothing happens if there is none. */
    readonly deletePartial: (user: UserNumber, generation: Generation) => Effect.Effect<void, StorageError>

    // Devices ------------------------------------------------------------------------------------------------------
    readonly devices: (user: UserNumber) => Effect.Effect<ReadonlyArray<Device>, StorageError>
    /** Adds the device, or updates the one with this token. */
    readonly saveDevice: (user: UserNumber, device: NewDevice) => Effect.Effect<Device, StorageError>
    /**
     * False if there is no device with the old token. If the new token exists too, the old one's row goes. A token that is
     * new has no endpoint.
     */
    readonly replaceDeviceToken: (
      user: UserNumber,
      oldToken: string,
      newToken: string,
      at: number
    ) => Effect.Effect<boolean, StorageError>
    /**
     * Removes the device as it was read, and what waits for it in the outbox. False if it is gone, has got another token,
     * or has registered again meanwhile: then it stays.
     */
    readonly deleteDevice: (
      user: UserNumber,
      device: Pick<Device, "device" | "token" | "registeredAt">
    ) => Effect.Effect<boolean, StorageError>
    readonly saveNudged: (
      user: UserNumber,
      device: DeviceNumber,
      nudgedAt: ReadonlyArray<number>
    ) => Effect.Effect<void, StorageError>
    /** Its app was heard of; nothing happens if there is no such device. */
    readonly saveSeen: (user: UserNumber, token: string, at: number) => Effect.Effect<void, StorageError>
    /** Where the push service keeps the device with this token; nothing happens if there is none. */
    readonly saveEndpoint: (
      user: UserNumber,
      token: string,
      endpoint: PushEndpoint
    ) => Effect.Effect<void, StorageError>

    // Outbox -------------------------------------------------------------------------------------------------------
    /** Adds entries; one that is already there (same user, device, kind, item) stays as it is. */
    readonly addOutbox: (entries: ReadonlyArray<OutboxEntry>) => Effect.Effect<void, StorageError>
    /** Oldest first. */
    readonly outboxOf: (
      user: UserNumber,
      limit: number
    ) => Effect.Effect<ReadonlyArray<OutboxEntry>, StorageError>
    readonly removeOutbox: (entries: ReadonlyArray<OutboxEntry>) => Effect.Effect<void, StorageError>
    /** Users who have something waiting for a device of this platform, the longest waiting first. */
    readonly outboxUsers: (
      platform: Platform,
      limit: number
    ) => Effect.Effect<ReadonlyArray<UserNumber>, StorageError>
    readonly outboxSize: Effect.Effect<
      { readonly entries: number; readonly oldest: number | null },
      StorageError
    >
    /** Gives up what waits since before `before`; answers how many. */
    readonly expireOutbox: (before: number) => Effect.Effect<number, StorageError>

    // Retention --------------------------------------------------------------------------------------------------------
    /** Devices not seen since `before`, of some users after `after`, ordered by user; `next` undefined = no more users. */
    readonly staleDevices: (
      before: number,
      after: UserNumber | undefined
    ) => Effect.Effect<
      { readonly devices: ReadonlyArray<StaleDevice>; readonly next: UserNumber | undefined },
      StorageError
    >
    /** Users whose subscription is `Lost` since before `before`, some of those after `after`, ordered. */
    readonly lostUsers: (
      before: number,
      after: UserNumber | undefined
    ) => Effect.Effect<
      { readonly users: ReadonlyArray<UserNumber>; readonly next: UserNumber | undefined },
      StorageError
    >
    /** Removes dead letters noted before `before`; answers how many. */
    readonly dropDeadLetters: (before: number) => Effect.Effect<number, StorageError>

    // What happened to users -----------------------------------------------------------------------------------------
    /** In no particular order; users without a history are left out. */
    readonly histories: (
      users: ReadonlyArray<UserNumber>
    ) => Effect.Effect<ReadonlyArray<StoredHistory>, StorageError>
    /** Puts each in its user's place, in one transaction; users that are gone are passed over. */
    readonly saveHistories: (batch: ReadonlyArray<StoredHistory>) => Effect.Effect<void, StorageError>
    /** Removes histories whose newest event was before `before`; answers how many. */
    readonly dropHistories: (before: number) => Effect.Effect<number, StorageError>

    // Dead letters -------------------------------------------------------------------------------------------------
    /** A callback whose handling crashed again and again: who, digest of the events, when, what kind of error; no content. */
    readonly addDeadLetter: (letter: {
      readonly user: UserNumber
      readonly digest: string
      readonly reason: string
      readonly at: number
    }) => Effect.Effect<void, StorageError>
    readonly deadLetters: (
      user: UserNumber
    ) => Effect.Effect<
      ReadonlyArray<{ readonly digest: string; readonly reason: string; readonly at: number }>,
      StorageError
    >
  }
>() {}
