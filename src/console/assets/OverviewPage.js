import { html } from "htm/preact"
import { Charts } from "./Charts.js"
import { Gateways, Hosts } from "./OverviewTables.js"
import { Badge, Facts, Section, Waiting, When } from "./Parts.js"
import { useNow, usePolled } from "./Polled.js"
import { STATES, stateOf } from "./States.js"
import { Verdict } from "./Verdict.js"
import { absolute, bytes, duration, fromNow, number, withUnit } from "./Words.js"

/** @import { Overview, Series } from "../../../schemas/ConsoleApi.ts" */

/** Seconds. */
const EVERY = 10

/** How the service is, by itself anew every ten seconds. */
export const OverviewPage = () => {
  /** @type {import("./Polled.js").Polled<Overview>} */
  const overview = usePolled("overview", EVERY)
  /** @type {import("./Polled.js").Polled<Series>} */
  const series = usePolled("series", EVERY)
  useNow(5)
  const { data } = overview
  return html`<${Waiting} polled=${overview} />
    ${
      data &&
      html`<div class=${overview.problem === undefined ? "" : "stale"}>
        <${Verdict} overview=${data} />
        <${Numbers} overview=${data} />
        <${States} counts=${data.subscriptions} />
        <${Section} title="The last hour">
          ${series.data === undefined ? html`<p class="faint">Loading …</p>` : html`<${Charts} series=${series.data} />`}
        <//>
        <${Gateways} gateways=${data.gateways} />
        <${Hosts} hosts=${data.hosts} />
        <${Node} overview=${data} />
      </div>`
    }`
}

/** @param {{ overview: Overview }} props */
const Numbers = ({ overview }) => {
  const { rates, outbox } = overview
  return html`<${Section} title="Now">
    <ul class="tiles">
      <${Tile} name="Callbacks" value=${number(rates.callbacks)} unit="a second" />
      <${Tile} name="Mails" value=${number(rates.mails)} unit="a second" />
      <${Tile} name="Pushes" value=${number(rates.pushes)} unit="a second" />
      <${Tile} name="Registrations" value=${number(rates.registrations)} unit="a second" />
      <${Tile}
        name="Waiting notifications"
        value=${outbox === null ? "–" : number(outbox.entries)}
        unit=${outbox?.oldest == null ? "none waits" : `oldest ${fromNow(outbox.oldest, overview.at)}`}
      />
      <${Tile}
        name="Event-loop delay"
        value=${withUnit(overview.eventLoop.p99Milliseconds, "ms")}
        unit=${`longest ${withUnit(overview.eventLoop.longestMilliseconds, "ms")}`}
      />
    </ul>
  <//>`
}

/** @param {{ name: string, value: string, unit: string, tone?: string }} props */
const Tile = ({ name, value, unit, tone }) => html`<li class=${`tile ${tone ?? ""}`}>
  <span class="name">${name}</span> <strong>${value}</strong> <span class="faint">${unit}</span>
</li>`

/** @param {{ counts: Overview["subscriptions"] }} props */
const States = ({ counts }) => {
  const known = STATES.map(([name]) => name)
  const others = Object.keys(counts).filter((name) => !known.includes(name))
  return html`<${Section} title="Subscriptions by state">
    <ul class="tiles">
      ${[...known, ...others].map((name) => {
        const [, words, tone, about] = stateOf(name)
        const count = counts[name] ?? 0
        return html`<${Tile} key=${name} name=${words} value=${number(count)} unit=${about} tone=${count === 0 ? "empty" : tone} />`
      })}
    </ul>
  <//>`
}

/** @param {{ overview: Overview }} props */
const Node = ({ overview }) => html`<${Section} title="This node">
  <${Facts}
    facts=${[
      ["Version", overview.version],
      ["Host", overview.host],
      ["Role", overview.role],
      [
        "Ready",
        html`<${Badge} tone=${overview.ready ? "ok" : "warn"}>${overview.ready ? "ready" : "not ready"}<//>`
      ],
      [
        "Storage",
        html`${overview.database} <${Badge} tone=${overview.storage === "reachable" ? "ok" : "bad"}>${overview.storage}<//>`
      ],
      ["Key pool", overview.poolKeys === null ? "–" : `${number(overview.poolKeys)} RSA keys ready`],
      [
        "Uptime",
        html`${duration(overview.uptime)} <span class="faint">since ${absolute(overview.at - overview.uptime * 1000, overview.at)}</span>`
      ],
      ["Memory", bytes(overview.residentBytes)],
      ["Log level", html`<a href="#/log-level">${overview.logLevel}</a>`],
      ["Instance", html`<span class="mono long">${overview.instanceId}</span>`],
      ["As of", html`<${When} at=${overview.at} />`]
    ]}
  />
<//>`
