import { html } from "htm/preact"
import { Badge, Section, Table, Waiting, When } from "./Parts.js"
import { useNow, usePolled } from "./Polled.js"
import { counted } from "./Words.js"

/**
 * @typedef {import("./Api.js").Certificates["expiries"][number]} Expiry
 * @typedef {import("./Api.js").Certificates["pins"][number]} Pin
 */

/** What expires when, and which certificates are pinned. */
export const CertificatesPage = () => {
  /** @type {import("./Polled.js").Polled<import("./Api.js").Certificates>} */
  const polled = usePolled("certificates", 60)
  useNow()
  const { data } = polled
  return html`<${Waiting} polled=${polled} />
    ${
      data &&
      html`<${Section} title="What expires">
          <${Table}
            caption="Certificates and keys, the next to expire first"
            empty="Nothing that expires is in use."
            rows=${data.expiries}
            keyOf=${(/** @type {Expiry} */ row) => row.what}
            columns=${EXPIRIES}
          />
        <//>
        <${Section} title="Pins">
          <p class="faint">A server whose certificate is not the pinned one gets no log-in and no notification.</p>
          <${Table}
            caption="Pinned certificates"
            empty="No certificate is pinned."
            rows=${data.pins}
            keyOf=${(/** @type {Pin} */ row) => `${row.of} ${row.fingerprint}`}
            columns=${PINS}
          />
        <//>`
    }`
}

/** @param {Expiry} it */
const daysLeft = (it) => {
  if (it.days === null) return html`<${Badge} tone="quiet">not known<//>`
  if (it.days < 0) return html`<${Badge} tone="bad">expired<//>`
  const days = Math.floor(it.days)
  return html`<${Badge} tone=${it.soon ? (days < 7 ? "bad" : "warn") : "ok"}>${counted(days, "day")} left<//>`
}

const EXPIRIES = [
  { head: "What", isTitle: true, cell: (/** @type {Expiry} */ it) => it.what },
  {
    head: "Expires",
    cell: (/** @type {Expiry} */ it) => (it.at === null ? "–" : html`<${When} at=${it.at} />`)
  },
  { head: "Left", cell: daysLeft }
]

const PINS = [
  { head: "Of", isTitle: true, cell: (/** @type {Pin} */ it) => it.of },
  {
    head: "SHA-256",
    cell: (/** @type {Pin} */ it) => html`<span class="mono long">${it.fingerprint}</span>`
  },
  { head: "Given by", cell: (/** @type {Pin} */ it) => it.from }
]
