/** Numbers and times in words. All of it in English, as the pages are; times in the browser's zone. */

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 })
const fine = new Intl.NumberFormat("en", { maximumFractionDigits: 1 })
const finer = new Intl.NumberFormat("en", { maximumFractionDigits: 2 })

/** Two digits that tell, whatever the size. @param {number} value */
export const number = (value) =>
  (Math.abs(value) >= 100 || Number.isInteger(value) ? whole : Math.abs(value) >= 10 ? fine : finer).format(
    value
  )

/** @param {number | null | undefined} value @param {string} unit */
export const withUnit = (value, unit) =>
  value === null || value === undefined
    ? "–"
    : unit === ""
      ? number(value)
      : `${number(value)} ${unit === "1/s" ? "a second" : unit}`

/** @param {number} count @param {string} one @param {string} [many] */
export const counted = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`

/** @param {number} value */
export const bytes = (value) =>
  value >= 1e9 ? `${finer.format(value / 1e9)} GB` : `${whole.format(value / 1e6)} MB`

const STEPS = /** @type {const} */ ([
  [86_400, "d"],
  [3600, "h"],
  [60, "min"],
  [1, "s"]
])

/** "3 d 4 h", "12 min", "5 s". @param {number} seconds */
export const duration = (seconds) => {
  const parts = []
  let left = Math.max(0, Math.floor(seconds))
  for (const [size, name] of STEPS) {
    const count = Math.floor(left / size)
    left %= size
    if (count > 0 || parts.length > 0 || size === 1) parts.push([count, name])
  }
  // Seconds beside minutes would only flicker.
  const [first, second] = parts
  const alone = second === undefined || second[0] === 0 || first?.[1] === "min"
  return (alone ? [first] : [first, second]).map((part) => part?.join(" ")).join(" ")
}

/** "3 min ago", "in 4 d". @param {number} at @param {number} now */
export const fromNow = (at, now) => {
  const seconds = (at - now) / 1000
  if (Math.abs(seconds) < 5) return "now"
  const length = Math.abs(seconds) >= 7 * 86_400 ? `${whole.format(Math.abs(seconds) / 86_400)} d` : undefined
  return seconds > 0 ? `in ${length ?? duration(seconds)}` : `${length ?? duration(-seconds)} ago`
}

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" })
const exactly = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" })
const date = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" })
const fullDate = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" })
const dayName = new Intl.DateTimeFormat("en-GB", {
  weekday: "long",
  day: "numeric",
  month: "long",
  year: "numeric"
})

/** "16:04". @param {number} at */
export const timeOfDay = (at) => clock.format(at)
/** "16:04:31". @param {number} at */
export const exactTimeOfDay = (at) => exactly.format(at)
/** "Sunday 22 November 2026". @param {number} at */
export const day = (at) => dayName.format(at)

/** "16:04:31" today, else "21 Nov, 16:04", else "21 Nov 2025, 16:04". @param {number} at @param {number} now */
export const absolute = (at, now) => {
  const [then, today] = [new Date(at), new Date(now)]
  if (then.toDateString() === today.toDateString()) return exactly.format(at)
  const days = then.getFullYear() === today.getFullYear() ? date : fullDate
  return `${days.format(at)}, ${clock.format(at)}`
}

/** "EwsUnauthorized" → "Ews unauthorized"; "retryLater" → "retry later". @param {string} name */
export const spaced = (name) => {
  const words = name.replace(/([a-z0-9])([A-Z])/g, "$1 $2").toLowerCase()
  return words.charAt(0).toUpperCase() + words.slice(1)
}
