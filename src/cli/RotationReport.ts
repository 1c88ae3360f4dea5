import type { Rewrapped } from "../../layers/storage/MasterKeyRotation.ts"
import type { SealedAnew } from "./SealedAnew.ts"

/** What `ens secret rotate` did. */
export interface RotationReport {
  /** File of the new key. */
  readonly key: string
  /** It is in the place of the old one; otherwise the operator puts it there. */
  readonly isSwapped: boolean
  /** File of the old key. */
  readonly former: string | undefined
  readonly rewrapped: Rewrapped
  readonly settings: SealedAnew
  readonly resumed: boolean
}

export const asJson = ({ former, isSwapped, key, resumed, rewrapped, settings }: RotationReport): string =>
  JSON.stringify({
    masterKeyFile: key,
    inPlace: isSwapped,
    formerKeyFile: former,
    resumed,
    keys: rewrapped,
    settingsReplaced: settings.replaced,
    settings: Object.fromEntries(settings.toReplace.map(({ name, sealed }) => [name, sealed]))
  })

export const asText = ({ former, isSwapped, key, rewrapped, settings }: RotationReport): string => {
  const { unreadable, ...places } = rewrapped
  const keys = Object.values(places).reduce((sum, count) => sum + count, 0)
  const lines = [`${keys} keys are wrapped by the new master key.`]
  if (unreadable > 0) {
    lines.push(
      `${unreadable} keys could not be opened by the old one either; they were of no use, and are left as they are.`
    )
  }
  lines.push(
    isSwapped
      ? `The new master key is in ${key}. Back it up, apart from the database.`
      : `The new master key is in ${key}. Give it to ENS in place of the old one, and keep the old one for older backups.`
  )
  if (former !== undefined)
    lines.push(`The old one is in ${former}, for backups of the database made before now.`)
  if (settings.replaced > 0) lines.push(`${settings.replaced} sealed settings in files were sealed anew.`)
  if (settings.toReplace.length > 0) {
    lines.push("Replace these settings, which the new master key has sealed:", "")
    for (const { name, sealed, where } of settings.toReplace) lines.push(`${name}=${sealed}`, `  (${where})`)
  }
  return lines.join("\n")
}
