/** Name of the cookie that holds the session's id. */
export const COOKIE = "ens_console"

/**
 * Ids in a `Cookie` header: another program on this machine, or a host beside it, may have set many of the same name, which
 * browsers may well send first. Node takes no head in which more than some hundreds have room.
 */
export const idsIn = (header: string | undefined): ReadonlyArray<string> =>
  (header ?? "")
    .split(";")
    .map((part) => part.trim())
    .filter((part) => part.startsWith(`${COOKIE}=`))
    .map((part) => part.slice(COOKIE.length + 1))
    .filter((id) => /^[A-Za-z0-9_-]{43}$/.test(id))

/** `Set-Cookie` for this id; ends with the browser, and in any case when the server says so. */
export const setCookie = (id: string, https: boolean): string => `${COOKIE}=${id}${attributes(https)}`

export const dropCookie = (https: boolean): string => `${COOKIE}=${attributes(https)}; Max-Age=0`

const attributes = (https: boolean) => `; Path=/console; HttpOnly; SameSite=Strict${https ? "; Secure" : ""}`
