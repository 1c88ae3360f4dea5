import { html } from "htm/preact"
import { Badge, Section, Table, When } from "./Parts.js"
import { number, spaced, withUnit } from "./Words.js"

/**
 * @import { Overview } from "../../../schemas/ConsoleApi.ts"
 * @typedef {Overview["gateways"][number]} Gateway
 * @typedef {Overview["hosts"][number]} Host
 */

/** @param {{ gateways: Overview["gateways"] }} props */
export const Gateways = ({ gateways }) => html`<${Section} title="Push gateways">
  <${Table}
    caption="Push gateways"
    empty="No push gateway is set up."
    rows=${gateways}
    keyOf=${(/** @type {Gateway} */ row) => row.gateway}
    columns=${[...GATEWAYS.slice(0, 2), ...VERDICTS.map(verdictColumn), ...GATEWAYS.slice(2)]}
  />
  <p class="faint">Verdicts since the start.</p>
<//>`

/** @param {{ hosts: Overview["hosts"] }} props */
export const Hosts = ({ hosts }) => html`<${Section} title="Exchange hosts">
  <${Table}
    caption="Exchange hosts, those with most calls first"
    empty="No Exchange has been called in the last hour."
    rows=${hosts}
    keyOf=${(/** @type {Host} */ row) => row.host}
    columns=${HOSTS}
  />
  <p class="faint">Calls, times and errors of the last hour.</p>
<//>`

const VERDICTS = ["delivered", "tokenDead", "retryLater", "rejected", "gatewayDown"]

/** @param {string} verdict */
const verdictColumn = (verdict) => ({
  head: spaced(verdict),
  isNumber: true,
  cell: (/** @type {Gateway} */ it) => number(it.verdicts[verdict] ?? 0)
})

/** @param {{ lastError: string | null, lastErrorAt: number | null }} it */
const lastError = (it) =>
  it.lastError === null
    ? html`<span class="faint">none</span>`
    : html`<span class="long">${it.lastError}</span>${
        it.lastErrorAt === null ? "" : html` <span class="line"><${When} at=${it.lastErrorAt} /></span>`
      }`

const GATEWAYS = [
  {
    head: "Gateway",
    isTitle: true,
    cell: (/** @type {Gateway} */ it) => html`<strong>${it.gateway}</strong>`
  },
  {
    head: "State",
    cell: (/** @type {Gateway} */ it) =>
      it.up
        ? html`<${Badge} tone=${it.stalled ? "warn" : "ok"}>${it.stalled ? "stalled" : "up"}<//>`
        : html`<${Badge} tone="bad">down<//>`
  },
  {
    head: "Waiting",
    isNumber: true,
    cell: (/** @type {Gateway} */ it) =>
      html`${number(it.waiting)}${it.oldestWaiting === null ? "" : html` <span class="line">since <${When} at=${it.oldestWaiting} /></span>`}`
  },
  { head: "Last error", cell: lastError }
]

const HOSTS = [
  {
    head: "Host",
    isTitle: true,
    cell: (/** @type {Host} */ it) => html`<strong class="long">${it.host}</strong>`
  },
  {
    head: "State",
    cell: (/** @type {Host} */ it) =>
      html`<${Badge} tone=${it.up ? "ok" : "bad"}>${it.up ? "up" : "down"}<//>`
  },
  { head: "Calls", isNumber: true, cell: (/** @type {Host} */ it) => number(it.calls) },
  {
    head: "Median",
    isNumber: true,
    cell: (/** @type {Host} */ it) => withUnit(it.medianMilliseconds, "ms")
  },
  { head: "p95", isNumber: true, cell: (/** @type {Host} */ it) => withUnit(it.p95Milliseconds, "ms") },
  {
    head: "Errors",
    isNumber: true,
    cell: (/** @type {Host} */ it) => {
      const kinds = Object.entries(it.errors).filter(([, count]) => count > 0)
      return kinds.length === 0
        ? "0"
        : kinds.map(
            ([kind, count]) =>
              html`<span class="line" key=${kind}>${number(count)} <span class="faint">${spaced(kind.replace(/^Ews/, ""))}</span></span>`
          )
    }
  },
  { head: "Last error", cell: lastError }
]
