import { useEffect, useState } from "preact/hooks"

/** Pages have their addresses behind the `#`, which browsers never send. */
export const PAGES = /** @type {const} */ ([
  ["", "Overview"],
  ["user", "User"],
  ["tokens", "Tokens"],
  ["certificates", "Certificates"],
  ["audit", "Audit"],
  ["log-level", "Log level"]
])

/** @typedef {{ page: (typeof PAGES)[number][0], rest: string }} Route */

/** @returns {Route} */
export const useRoute = () => {
  const [route, setRoute] = useState(current)
  useEffect(() => {
    const onChange = () => setRoute(current())
    addEventListener("hashchange", onChange)
    return () => removeEventListener("hashchange", onChange)
  }, [])
  return route
}

/** @param {string} page @param {string} [rest] */
export const addressOf = (page, rest) => `#/${page}${rest === undefined ? "" : `/${rest}`}`

/** @param {string} page @param {string} [rest] */
export const go = (page, rest) => {
  location.hash = addressOf(page, rest)
}

/** @returns {Route} */
const current = () => {
  const [, name = "", rest = ""] = location.hash.split("/")
  const known = PAGES.find(([page]) => page === name)
  return { page: known?.[0] ?? "", rest }
}
