import type { Device, StoredDossier, User } from "../layers/storage/Storage.ts"

/**
 * A dossier as one line of text, about 700 bytes, a fourth of what it takes as objects. Fields are known by their places,
 * so it is for this process's memory only.
 */
export const encodeDossier = ({ devices, subscription, user }: StoredDossier): string =>
  JSON.stringify([
    valuesOf(USER, {
      ...user,
      fingerprint: user.fingerprint && base64Of(user.fingerprint),
      sealKey: base64Of(user.sealKey),
      callbackKey: user.callbackKey && base64Of(user.callbackKey)
    }),
    subscription ? valuesOf(SUBSCRIPTION, subscription) : null,
    devices.map((device) => valuesOf(DEVICE, device))
  ])

export const decodeDossier = (text: string): StoredDossier => {
  const [user, subscription, devices] = JSON.parse(text) as readonly [Values, Values | null, Array<Values>]
  const { callbackKey, fingerprint, sealKey, ...plain } = recordOf(USER, user) as unknown as InText<User>
  return {
    user: {
      ...plain,
      fingerprint: fingerprint === null ? null : bytesOf(fingerprint),
      sealKey: bytesOf(sealKey),
      callbackKey: callbackKey === null ? null : bytesOf(callbackKey)
    },
    subscription: subscription ? (recordOf(SUBSCRIPTION, subscription) as unknown as Lasting) : undefined,
    devices: devices.map(deviceOf)
  }
}

type Lasting = NonNullable<StoredDossier["subscription"]>
type Values = ReadonlyArray<unknown>
/** Bytes are text in it. */
type InText<T> = {
  readonly [Field in keyof T]: T[Field] extends Uint8Array | null ? TextFor<T[Field]> : T[Field]
}
type TextFor<Bytes> = Bytes extends null ? null : string

/** All fields of a record, in a fixed order; the compiler finds the one that is missing. */
const fieldsOf = <T>(fields: Readonly<Record<keyof T, true>>): ReadonlyArray<string> => Object.keys(fields)

const USER = fieldsOf<User>({
  user: true,
  tenant: true,
  userId: true,
  createdAt: true,
  refused: true,
  fingerprint: true,
  sealKey: true,
  sealKeyMadeAt: true,
  callbackKey: true
})

const SUBSCRIPTION = fieldsOf<Lasting>({
  user: true,
  bucket: true,
  generation: true,
  refused: true,
  subscriptionId: true,
  ewsUrl: true,
  exchangeVersion: true,
  authType: true,
  tokenExpiresAt: true,
  subscribedAt: true,
  form: true,
  link: true,
  linkSince: true,
  nudges: true
} satisfies Record<keyof Lasting, true>)

const DEVICE = fieldsOf<Device>({
  device: true,
  token: true,
  platform: true,
  bundleId: true,
  deviceId: true,
  policy: true,
  sound: true,
  environment: true,
  registeredAt: true,
  seenAt: true,
  nudgedAt: true,
  endpoint: true
})

const valuesOf = (fields: ReadonlyArray<string>, record: object): Values =>
  fields.map((field) => (record as Readonly<Record<string, unknown>>)[field])

const recordOf = (fields: ReadonlyArray<string>, values: Values): Record<string, unknown> => {
  const record: Record<string, unknown> = {}
  for (let i = 0; i < fields.length; i++) record[fields[i]!] = values[i]
  return record
}

const deviceOf = (values: Values): Device => {
  const { endpoint, ...device } = recordOf(DEVICE, values) as unknown as Required<Device>
  // What is absent has become null.
  return endpoint ? { ...device, endpoint } : device
}

const base64Of = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64")

const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64"))
