import { html } from "htm/preact"
import { useState } from "preact/hooks"
import { Plot } from "./Plot.js"
import { exactTimeOfDay, spaced, timeOfDay, withUnit } from "./Words.js"

/**
 * @import { Series } from "../../../schemas/ConsoleApi.ts"
 * @typedef {Series["lines"][number]} Line
 */

/** Which lines share a picture. A line that is not named here gets one of its own. */
const CHARTS = /** @type {const} */ ([
  ["Callbacks", ["callbacks"]],
  ["Mails and pushes", ["mails", "pushes", "pushFailures"]],
  ["Exchange: time to answer (median)", ["ewsMedianMilliseconds"]],
  ["Exchange: errors", ["ewsErrors"]],
  ["Event-loop delay", ["eventLoopMilliseconds"]],
  ["Oldest waiting notification", ["outboxOldest"]],
  ["Subscriptions", ["subscriptions"]]
])

/** @param {{ series: Series }} props */
export const Charts = ({ series }) => {
  const named = /** @type {ReadonlyArray<string>} */ (CHARTS.flatMap(([, names]) => names))
  const others = series.lines.filter(({ name }) => !named.includes(name))
  /** @type {ReadonlyArray<readonly [string, ReadonlyArray<string>]>} */
  const charts = [...CHARTS, ...others.map(({ name }) => /** @type {const} */ ([spaced(name), [name]]))]
  return html`<div class="charts">
    ${charts.map(([title, names]) => {
      const lines = series.lines.filter(({ name }) => names.includes(name))
      return lines.length === 0
        ? null
        : html`<${Chart} key=${title} title=${title} at=${series.at} lines=${lines} />`
    })}
  </div>`
}

/** @param {{ title: string, at: ReadonlyArray<number>, lines: ReadonlyArray<Line> }} props */
const Chart = ({ title, at, lines }) => {
  /** Where the pointer is; what is told otherwise is the newest. */
  const [pointed, setPointed] = useState(/** @type {number | undefined} */ (undefined))
  const [isOpen, setOpen] = useState(false)
  const shown = pointed !== undefined && pointed < at.length ? pointed : newest(at, lines)
  const moment = at[shown]
  return html`<figure class="chart">
    <figcaption>
      <h3>${title}</h3>
      <p class="legend">
        ${lines.map(
          (line, index) =>
            html`<span key=${line.name}>
              ${lines.length > 1 && html`<span class=${`key key-${index + 1}`} aria-hidden="true"></span> ${spaced(line.name)} `}
              <strong>${withUnit(line.values[shown], line.unit)}</strong>
            </span>`
        )}
        <span class="faint">${moment === undefined ? "" : exactTimeOfDay(moment)}</span>
      </p>
    </figcaption>
    <${Plot} label=${described(title, at, lines)} at=${at} lines=${lines} onPoint=${setPointed} />
    <details onToggle=${(/** @type {Event} */ event) => setOpen(/** @type {HTMLDetailsElement} */ (event.currentTarget).open)}>
      <summary>As a table<span class="unseen">: ${title}</span></summary>
      ${isOpen && html`<${Steps} title=${title} at=${at} lines=${lines} />`}
    </details>
  </figure>`
}

/** @param {ReadonlyArray<number>} at @param {ReadonlyArray<Line>} lines */
const newest = (at, lines) => {
  for (let i = at.length - 1; i >= 0; i--) if (lines.some(({ values }) => values[i] != null)) return i
  return at.length - 1
}

/** @param {string} title @param {ReadonlyArray<number>} at @param {ReadonlyArray<Line>} lines */
const described = (title, at, lines) => {
  const parts = lines.map((line) => {
    const measured = line.values.filter((value) => value !== null)
    if (measured.length === 0) return `${spaced(line.name)}: nothing measured`
    const highest = Math.max(...measured)
    const when = at[line.values.indexOf(highest)]
    return `${spaced(line.name)}: ${withUnit(measured.at(-1), line.unit)} now, at most ${withUnit(highest, line.unit)}${
      when === undefined ? "" : ` at ${timeOfDay(when)}`
    }`
  })
  return `${title}, the last hour. ${parts.join("; ")}.`
}

/** Milliseconds: a row for so long. */
const ROW = 5 * 60_000

/** Means and highest values of five minutes each. @param {{ title: string, at: ReadonlyArray<number>, lines: ReadonlyArray<Line> }} props */
const Steps = ({ title, at, lines }) => {
  const starts = [...new Set(at.map((moment) => Math.floor(moment / ROW) * ROW))].reverse()
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${`${title} as a table`}>
    <table class="plain">
      <caption class="unseen">${title}: mean and highest value of each five minutes, newest first</caption>
      <thead>
        <tr>
          <th scope="col">From</th>
          ${lines.map(({ name, unit }) => html`<th scope="col" class="number" key=${name}>${spaced(name)}${unit === "" ? "" : ` (${unit === "1/s" ? "a second" : unit})`}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${starts.map(
          (start) => html`<tr key=${start}>
            <th scope="row">${timeOfDay(start)}</th>
            ${lines.map(({ name, values }) => html`<td class="number" key=${name}>${summed(values.filter((_, i) => within(at[i], start)))}</td>`)}
          </tr>`
        )}
      </tbody>
    </table>
  </div>`
}

/** @param {number | undefined} moment @param {number} start */
const within = (moment, start) => moment !== undefined && moment >= start && moment < start + ROW

/** @param {ReadonlyArray<number | null>} values */
const summed = (values) => {
  const measured = values.filter((value) => value !== null)
  if (measured.length === 0) return "–"
  const mean = measured.reduce((sum, value) => sum + value, 0) / measured.length
  return `${withUnit(mean, "")}, at most ${withUnit(Math.max(...measured), "")}`
}
