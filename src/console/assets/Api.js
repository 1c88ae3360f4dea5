/**
 * Talks to the service that sent this page, and to nobody else.
 * @typedef {typeof import("../../../schemas/ConsoleApi.ts").Session.Type} Session
 * @typedef {typeof import("../../../schemas/ConsoleApi.ts").Tokens.Type} Tokens
 * @typedef {typeof import("../../../schemas/ConsoleApi.ts").MadeToken.Type} MadeToken
 * @typedef {typeof import("../../../schemas/ConsoleApi.ts").RotatedToken.Type} RotatedToken
 * @typedef {typeof import("../../../schemas/ConsoleApi.ts").Certificates.Type} Certificates
 * @typedef {typeof import("../../../schemas/ConsoleApi.ts").Audits.Type} Audits
 * @typedef {typeof import("../../../schemas/ConsoleApi.ts").LogLevelChoice.Type} LogLevelChoice
 * @typedef {typeof import("../../../schemas/ConsoleApi.ts").ActionResult.Type} ActionResult
 */

/** There is no session, or it has ended. */
export class SignedOut extends Error {}
/** No answer, or none of ENS. */
export class Away extends Error {}
/** The service says no, and why. */
export class Refused extends Error {}

/** Longer than the service needs for anything that the console asks for. */
const PATIENCE = 20_000

let proof = ""
let skew = 0
/** @type {() => void} */
let whenEnded = () => {}

/**
 * Now by the service's clock, as far as an answer's `Date` tells it (whole seconds). Times in answers are compared with it.
 */
export const now = () => Date.now() + skew

/** @param {() => void} act is done as soon as an answer says that the session has ended. */
export const onSessionEnd = (act) => {
  whenEnded = act
}

/** @returns {Promise<Session>} */
export const currentSession = () => opened("GET")
/**
 * @param {string} token of an administrator
 * @returns {Promise<Session>}
 */
export const signIn = (token) => opened("POST", { token })
export const signOut = () => call("DELETE", "session")

/**
 * @template T
 * @param {string} path below `/console/api/`
 * @returns {Promise<T>}
 */
export const read = (path) => call("GET", path)

/**
 * @param {string} method
 * @param {string} path below `/console/api/`
 * @param {unknown} [body]
 * @returns {Promise<any>} what the answer's JSON says; undefined if it has none
 */
export const call = async (method, path, body) => {
  const answer = await send(method, path, body)
  noteTime(answer.headers.get("date"))
  const content = await jsonOf(answer)
  if (answer.ok) return content
  const says = typeof content?.problem === "string" ? content.problem : undefined
  if (answer.status === 401) {
    if (path !== "session") whenEnded()
    throw new SignedOut(says ?? "Sign in first.")
  }
  // Without a problem in words it is a proxy that answers, or a service that is going down.
  if (says === undefined || answer.status === 503) throw new Away(says ?? `The answer was ${answer.status}.`)
  throw new Refused(says)
}

/**
 * @param {string} method
 * @param {unknown} [body]
 * @returns {Promise<Session>}
 */
const opened = async (method, body) => {
  const session = await call(method, "session", body)
  proof = session.proof
  return session
}

/**
 * @param {string} method
 * @param {string} path
 * @param {unknown} body
 */
const send = async (method, path, body) => {
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json" }
  if (method !== "GET") {
    headers["Content-Type"] = "application/json"
    headers["X-ENS-Console"] = proof
  }
  try {
    return await fetch(`/console/api/${path}`, {
      method,
      headers,
      cache: "no-store",
      credentials: "same-origin",
      redirect: "error",
      signal: AbortSignal.timeout(PATIENCE),
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    })
  } catch {
    throw new Away("The service does not answer.")
  }
}

/** @param {Response} answer */
const jsonOf = async (answer) => {
  if (answer.status === 204) return undefined
  try {
    return await answer.json()
  } catch {
    // A proxy's page, or one that broke off. If it is a failure anyway, its status says more.
    if (answer.ok) throw new Away("The answer was not from ENS.")
    return undefined
  }
}

/** @param {string | null} date */
const noteTime = (date) => {
  const theirs = date === null ? Number.NaN : Date.parse(date)
  if (Number.isNaN(theirs)) return
  const difference = theirs - Date.now()
  // Whole seconds and the way here say nothing about less.
  skew = Math.abs(difference) < 3000 ? 0 : difference
}
