import { html } from "htm/preact"
import { useState } from "preact/hooks"
import { call, now } from "./Api.js"
import { Note, Section, Waiting, When } from "./Parts.js"
import { usePolled } from "./Polled.js"

/** @typedef {import("./Api.js").LogLevelChoice} Choice */

const LEVELS = /** @type {const} */ ([
  ["error", "only what failed"],
  ["warning", "what needs an eye"],
  ["info", "what happens; the usual level"],
  ["debug", "each step, to find a cause"],
  ["trace", "everything, and a lot of it"]
])

const LENGTHS = /** @type {const} */ ([
  [15 * 60, "15 minutes"],
  [3600, "1 hour"],
  [4 * 3600, "4 hours"],
  [0, "until the next start"]
])

/** How much is logged, and for how long. */
export const LogLevelPage = () => {
  /** @type {import("./Polled.js").Polled<Choice>} */
  const polled = usePolled("log-level", 30)
  const [level, setLevel] = useState(/** @type {Choice["level"] | undefined} */ (undefined))
  const [seconds, setSeconds] = useState(/** @type {number} */ (LENGTHS[0][0]))
  const [says, setSays] = useState(
    /** @type {{ tone: "ok" | "bad", text: string } | undefined} */ (undefined)
  )
  const { data } = polled
  const chosen = level ?? data?.level
  const save = async (/** @type {Event} */ event) => {
    event.preventDefault()
    try {
      const until = seconds === 0 ? null : now() + seconds * 1000
      /** @type {Choice} */
      const set = await call("PUT", "log-level", { level: chosen, until })
      setSays({ tone: "ok", text: `The level is ${set.level} now.` })
    } catch (error) {
      setSays({ tone: "bad", text: error instanceof Error ? error.message : String(error) })
    }
    polled.again()
  }
  return html`<${Waiting} polled=${polled} />
    ${
      data &&
      html`<${Section} title="How much is logged">
        <p>
          Now: <strong>${data.level}</strong>${
            data.until === null ? "" : html`, until <${When} at=${data.until} />, then as the settings say`
          }.
        </p>
        <form class="panel" onSubmit=${save}>
          <fieldset>
            <legend>Level</legend>
            ${LEVELS.map(
              ([name, about]) =>
                html`<label class="choice" key=${name}>
                  <input type="radio" name="level" value=${name} checked=${chosen === name} onChange=${() => setLevel(name)} />
                  <span><strong>${name}</strong> <span class="faint">${about}</span></span>
                </label>`
            )}
          </fieldset>
          <label for="length">For how long</label>
          <select id="length" value=${String(seconds)} onChange=${(/** @type {Event} */ event) =>
            setSeconds(Number(/** @type {HTMLSelectElement} */ (event.currentTarget).value))}>
            ${LENGTHS.map(([length, name]) => html`<option key=${length} value=${String(length)}>${name}</option>`)}
          </select>
          <button type="submit" class="main">Set the level</button>
        </form>
        <div role="status">${says && html`<${Note} tone=${says.tone}><p>${says.text}</p><//>`}</div>
      <//>`
    }`
}
