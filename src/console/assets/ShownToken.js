import { html } from "htm/preact"
import { useEffect, useRef } from "preact/hooks"
import { Copy } from "./Parts.js"

/** A token that was made just now, ready to be copied. @param {{ title: string, token: string, onDone: () => void }} props */
export const ShownToken = ({ title, token, onDone }) => {
  const field = useRef(/** @type {HTMLInputElement | null} */ (null))
  useEffect(() => {
    field.current?.focus()
    field.current?.select()
  }, [])
  return html`<div class="note ok made">
    <div>
      <label for="made">${title}, shown this once</label>
      <input id="made" ref=${field} class="mono" readonly value=${token} autocomplete="off" spellcheck=${false} />
      <div class="row">
        <${Copy} text=${token} what="the token" />
        <button type="button" onClick=${onDone}>I have kept it</button>
      </div>
    </div>
  </div>`
}
