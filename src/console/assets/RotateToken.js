import { html } from "htm/preact"
import { useEffect, useRef, useState } from "preact/hooks"
import { call } from "./Api.js"

/**
 * @typedef {{ path: string, id: string, label: string, isAdmin: boolean }} Chosen
 * @typedef {import("./Api.js").RotatedToken} RotatedToken
 */

/** As schemas/TokenEnd.ts has them. */
const DAYS = 30
const DAYS_MAX = 365

/**
 * Asks for how long the old token stays valid, and makes the new one.
 * @param {{ chosen: Chosen, onDone: (rotated: RotatedToken) => void, onNo: () => void }} props
 */
export const RotateToken = ({ chosen, onDone, onNo }) => {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null))
  const isBusy = useRef(false)
  const [problem, setProblem] = useState("")
  useEffect(() => {
    const shown = dialog.current
    shown?.showModal()
    return () => shown?.close()
  }, [])
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault()
    if (isBusy.current) return
    isBusy.current = true
    setProblem("")
    const form = /** @type {HTMLFormElement} */ (event.currentTarget)
    try {
      const given = new FormData(form)
      const overlapDays = Number(given.get("overlap"))
      const body = chosen.isAdmin ? { overlapDays, token: String(given.get("token")) } : { overlapDays }
      onDone(await call("POST", `${chosen.path}/${encodeURIComponent(chosen.id)}/rotations`, body))
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error))
    } finally {
      isBusy.current = false
    }
  }
  return html`<dialog ref=${dialog} aria-labelledby="rotate" onCancel=${onNo}>
    <h2 id="rotate">Rotate token ${chosen.id}, ${chosen.label}?</h2>
    <form onSubmit=${submit} aria-describedby="rotate-problem">
      <p>
        ${
          chosen.isAdmin
            ? "A new admin token takes its place. Sessions that were opened with the old one end with it."
            : "A new token of the same tenant takes its place. Put it into the app's profile while the old one is valid."
        }
      </p>
      <label for="overlap">Days for which the old one stays valid</label>
      <input
        id="overlap"
        name="overlap"
        type="number"
        required
        min=${chosen.isAdmin ? 1 : 0}
        max=${DAYS_MAX}
        step="1"
        defaultValue=${DAYS}
        aria-describedby="overlap-hint"
      />
      <p id="overlap-hint" class="hint faint">
        ${chosen.isAdmin ? "1 at least." : "0: it ends at once."} An end that was set before is not put off.
      </p>
      ${
        chosen.isAdmin &&
        html`<label for="rotate-token">Admin token ${chosen.id} itself</label>
          <input
            id="rotate-token"
            name="token"
            type="password"
            required
            autocomplete="off"
            spellcheck=${false}
            aria-describedby="rotate-token-hint"
          />
          <p id="rotate-token-hint" class="hint faint">
            Only who has it gets one that takes its place. If it is lost, run on the server:${" "}
            <code class="command">ens token rotate ${chosen.id}</code>
          </p>`
      }
      <p id="rotate-problem" role="alert" class="problem">${problem}</p>
      <div class="row end">
        <button type="button" onClick=${onNo}>Cancel</button>
        <button type="submit" class="main">Rotate</button>
      </div>
    </form>
  </dialog>`
}
