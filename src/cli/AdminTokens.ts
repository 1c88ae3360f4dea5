import { Clock, Effect, Redacted } from "effect"
import { hashApiToken, makeAdminToken } from "../../layers/crypto/ApiTokenSecret.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import type { SettingsShape } from "../../schemas/Settings.ts"

/** A new admin token with the id that lists show, like `admin-3`. */
export const create = Effect.fnUntraced(function* (label: string) {
  const token = yield* makeAdminToken
  const { id } = yield* (yield* Storage).createAdminToken({
    label,
    hash: hashApiToken(Redacted.value(token)),
    createdAt: yield* Clock.currentTimeMillis
  })
  return { id: shownId(id), label, token }
})

/** The id of an admin token in lists and arguments, where API tokens are, too. */
export const shownId = (id: string): string => `admin-${id}`

/** The number in `admin-3`; undefined if the text is no id of an admin token. */
export const storedId = (shown: string): string | undefined => /^admin-(\d{1,18})$/i.exec(shown)?.[1]

/** Whether it is the id of a token of either kind. */
export const isTokenId = (shown: string): boolean => /^(admin-)?\d{1,18}$/i.test(shown)

/** Where an admin token is entered; undefined if there is no console. */
export const consoleUrl = ({ adminHost, adminPort, console }: SettingsShape): string | undefined => {
  if (console === "off") return undefined
  const host = adminHost === "0.0.0.0" ? "127.0.0.1" : adminHost === "::" ? "::1" : adminHost
  return `http://${host.includes(":") ? `[${host}]` : host}:${adminPort}/console`
}

/** What to do with a token that was made just now. */
export const whereToEnter = (url: string | undefined): string =>
  url === undefined
    ? "It opens the console, which ENS_CONSOLE has switched off."
    : `It opens the console, ${url}, and nothing else.`
