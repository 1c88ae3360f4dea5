import { html } from "htm/preact"
import { now } from "./Api.js"
import faults from "./Faults.js"
import { Icon } from "./Icon.js"
import { day, exactTimeOfDay, fromNow, timeOfDay } from "./Words.js"

/** @import { HistoryEvent } from "../../../schemas/History.ts" */

/** @type {Readonly<Record<HistoryEvent["kind"], string>>} */
const KINDS = {
  registration: "Registration",
  subscribed: "Subscribed",
  state: "State",
  heartbeat: "Heartbeat",
  mail: "Mail",
  nudge: "App asked to register",
  error: "Error",
  device: "Device",
  admin: "Administrator"
}

/** A user's events, newest first, under the day on which they were. @param {{ events: ReadonlyArray<HistoryEvent> }} props */
export const Timeline = ({ events }) => {
  if (events.length === 0) return html`<p class="faint">Nothing is known of the last days.</p>`
  const days = Map.groupBy(events, (event) => day(event.at))
  return html`<div class="timeline">
    ${[...days].map(
      ([name, ofDay]) => html`<h4 key=${`day ${name}`}>${name}</h4>
        <ol key=${name}>
          ${ofDay.map((event, index) => html`<li key=${`${event.at} ${index}`} class=${`kind-${event.kind}`}><${Event} event=${event} /></li>`)}
        </ol>`
    )}
  </div>`
}

/** @param {{ event: HistoryEvent }} props */
const Event = ({ event }) => {
  const { detail, cure } = explained(event.detail)
  return html`<time datetime=${new Date(event.at).toISOString()}
      >${exactTimeOfDay(event.at)} <span class="faint">${fromNow(event.at, now())}</span></time
    >
    <${Icon} name=${event.kind} />
    <div>
      <p>
        <strong>${KINDS[event.kind] ?? event.kind}</strong>${event.times > 1 ? ` ${event.times} ×${span(event)}` : ""}${" "}
        <span class="detail">${detail}</span>
      </p>
      ${cure === undefined ? null : html`<p class="cure"><strong>Cure:</strong> ${cure}.</p>`}
    </div>`
}

/** @param {HistoryEvent} event */
const span = ({ at, since }) => {
  if (since === undefined || since === at) return ""
  const isOneDay = new Date(since).toDateString() === new Date(at).toDateString()
  return ` between ${isOneDay ? timeOfDay(since) : `${day(since)}, ${timeOfDay(since)}`} and ${timeOfDay(at)}`
}

/** A detail that begins with a fault's name, in words and with what helps. @param {string} detail */
const explained = (detail) => {
  const [, name = "", rest = ""] = /^([a-z-]+)(?:[:,;]?\s+|$)(.*)$/s.exec(detail) ?? []
  const fault = Object.hasOwn(faults, name) ? faults[name] : undefined
  if (fault === undefined) return { detail, cure: undefined }
  return { detail: rest === "" ? fault.title : `${fault.title}: ${rest}`, cure: fault.cure }
}
