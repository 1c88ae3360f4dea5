import { html } from "htm/preact"
import { Badge, Section, Table, Waiting, When } from "./Parts.js"
import { useNow, usePolled } from "./Polled.js"

/** @typedef {import("./Api.js").Audits["audits"][number]} Audit */

/** Who did what. */
export const AuditPage = () => {
  /** @type {import("./Polled.js").Polled<import("./Api.js").Audits>} */
  const polled = usePolled("audits", 30)
  useNow()
  const rows = polled.data?.audits.map((audit, index) => ({ ...audit, index })) ?? []
  return html`<${Waiting} polled=${polled} />
    ${
      polled.data &&
      html`<${Section} title="What administrators did">
        <p class="faint">The newest 200. The audit file or the log has all of them.</p>
        <${Table}
          caption="Audit records, newest first"
          empty="Nothing yet."
          rows=${rows}
          keyOf=${(/** @type {{ index: number }} */ row) => row.index}
          columns=${COLUMNS}
        />
      <//>`
    }`
}

const COLUMNS = [
  { head: "When", cell: (/** @type {Audit} */ it) => html`<${When} at=${it.at} />` },
  { head: "Who", cell: (/** @type {Audit} */ it) => html`<span class="long">${it.actor}</span>` },
  { head: "Did", cell: (/** @type {Audit} */ it) => html`<span class="mono">${it.action}</span>` },
  { head: "To", cell: (/** @type {Audit} */ it) => html`<span class="mono long">${it.target}</span>` },
  {
    head: "Outcome",
    cell: (/** @type {Audit} */ it) =>
      html`<${Badge} tone=${/^(done|ok|success|succeeded)/i.test(it.outcome) ? "ok" : "warn"}>${it.outcome}<//>`
  }
]
