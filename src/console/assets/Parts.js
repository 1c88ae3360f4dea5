import { html } from "htm/preact"
import { useEffect, useRef, useState } from "preact/hooks"
import { now } from "./Api.js"
import { Icon } from "./Icon.js"
import { absolute, exactTimeOfDay, fromNow } from "./Words.js"

/**
 * Parts that several pages are made of.
 * @typedef {"ok" | "warn" | "bad" | "quiet"} Tone
 * @typedef {any} Content
 */

/** @param {{ title: string, id?: string, children?: Content }} props */
export const Section = ({ title, id, children }) => {
  const name = id ?? title.toLowerCase().replaceAll(/[^a-z]+/g, "-")
  return html`<section class="section" aria-labelledby=${name}>
    <h2 id=${name} tabindex="-1">${title}</h2>
    ${children}
  </section>`
}

/** @param {{ tone: Tone, children?: Content }} props */
export const Badge = ({ tone, children }) =>
  html`<span class=${`badge ${tone}`}><${Icon} name=${tone} />${children}</span>`

/** @param {{ tone: Tone, children?: Content }} props */
export const Note = ({ tone, children }) =>
  html`<div class=${`note ${tone}`}><${Icon} name=${tone} /><div>${children}</div></div>`

/** A moment, absolute and relative. @param {{ at: number | null | undefined }} props */
export const When = ({ at }) => {
  if (at === null || at === undefined) return html`<span class="faint">never</span>`
  return html`<time datetime=${new Date(at).toISOString()}
    >${absolute(at, now())} <span class="faint">${fromNow(at, now())}</span></time
  >`
}

/** Names and values. @param {{ facts: ReadonlyArray<readonly [string, Content]> }} props */
export const Facts = ({ facts }) => html`<dl class="facts">
  ${facts.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}
</dl>`

/**
 * A table that becomes cards where there is no room; its roles stay, whatever the style makes of it.
 * @template T
 * @param {{
 *   caption: string, rows: ReadonlyArray<T>, empty: string, keyOf: (row: T) => string | number,
 *   columns: ReadonlyArray<{ head: string, cell: (row: T) => Content, isNumber?: boolean, isAct?: boolean, isTitle?: boolean }>
 * }} props
 */
export const Table = ({ caption, rows, empty, keyOf, columns }) => {
  if (rows.length === 0) return html`<p class="faint">${empty}</p>`
  return html`<table class="cards" role="table">
    <caption class="unseen">${caption}</caption>
    <thead role="rowgroup">
      <tr role="row">
        ${columns.map(
          (it) =>
            html`<th role="columnheader" scope="col" class=${it.isNumber ? "number" : ""}>
              ${it.isAct ? html`<span class="unseen">${it.head}</span>` : it.head}
            </th>`
        )}
      </tr>
    </thead>
    <tbody role="rowgroup">
      ${rows.map(
        (row) => html`<tr role="row" key=${keyOf(row)}>
          ${columns.map(
            (it) =>
              html`<td
                role="cell"
                data-head=${it.isAct ? "" : it.head}
                class=${it.isNumber ? "number" : it.isAct ? "act" : it.isTitle ? "title" : ""}
              >
                <span>${it.cell(row)}</span>
              </td>`
          )}
        </tr>`
      )}
    </tbody>
  </table>`
}

/**
 * What a page shows until there is something, and above it while the service is away.
 * @param {{ polled: import("./Polled.js").Polled<unknown> }} props
 */
export const Waiting = ({ polled }) => {
  const { data, problem, at, again } = polled
  return html`<div role="status" class="waiting">
    ${
      problem === undefined
        ? data === undefined && html`<p class="faint">Loading …</p>`
        : html`<${Note} tone="warn">
            <p>
              <strong>${problem}</strong>
              ${data === undefined ? " Nothing to show yet." : ` What you see is from ${exactTimeOfDay(at)}.`}
            </p>
            <button type="button" class="small" onClick=${again}>Try again now</button>
          <//>`
    }
  </div>`
}

/**
 * Asks before something that cannot be undone. The browser keeps the focus inside and gives it back.
 * @param {{ title: string, act: string, children?: Content, onYes: () => void, onNo: () => void }} props
 */
export const Confirm = ({ title, act, children, onYes, onNo }) => {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null))
  useEffect(() => {
    const shown = dialog.current
    shown?.showModal()
    return () => shown?.close()
  }, [])
  return html`<dialog ref=${dialog} aria-labelledby="confirm" onCancel=${onNo}>
    <h2 id="confirm">${title}</h2>
    ${children}
    <div class="row end">
      <button type="button" onClick=${onNo} autofocus>Cancel</button>
      <button type="button" class="danger" onClick=${onYes}>${act}</button>
    </div>
  </dialog>`
}

/** @param {{ text: string, what: string }} props */
export const Copy = ({ text, what }) => {
  const [says, setSays] = useState("")
  const copy = async () => {
    try {
      // Not there on a page that came over plain http from another machine.
      await navigator.clipboard.writeText(text)
      setSays("Copied.")
    } catch {
      setSays("The browser does not allow it; select the text and copy it yourself.")
    }
  }
  return html`<button type="button" onClick=${copy}>Copy ${what}</button>
    <span role="status" class="faint">${says}</span>`
}
