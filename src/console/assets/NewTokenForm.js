import { html } from "htm/preact"
import { useEffect, useRef, useState } from "preact/hooks"
import { call } from "./Api.js"
import { Copy, Section } from "./Parts.js"

/** Makes a token and shows it, this once. @param {{ onMade: () => void }} props */
export const NewTokenForm = ({ onMade }) => {
  const [made, setMade] = useState(/** @type {import("./Api.js").MadeToken | undefined} */ (undefined))
  const [problem, setProblem] = useState("")
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault()
    const form = /** @type {HTMLFormElement} */ (event.currentTarget)
    const field = (/** @type {string} */ name) => String(new FormData(form).get(name) ?? "").trim()
    const ewsUrl = field("ewsUrl")
    setProblem("")
    try {
      const body = {
        label: field("label"),
        tenant: field("tenant") || "default",
        ...(ewsUrl === "" ? {} : { ewsUrl })
      }
      setMade(await call("POST", "tokens", body))
      form.reset()
      onMade()
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error))
    }
  }
  return html`<${Section} title="New API token">
    ${made && html`<${Made} key=${made.id} made=${made} onDone=${() => setMade(undefined)} />`}
    <form class="panel" onSubmit=${submit} aria-describedby="new-problem">
      <div class="fields">
        <div>
          <label for="label">Label</label>
          <input id="label" name="label" required maxlength="100" autocomplete="off" aria-describedby="label-hint" />
          <p id="label-hint" class="hint faint">Who uses it, for this list.</p>
        </div>
        <div>
          <label for="tenant">Tenant</label>
          <input id="tenant" name="tenant" placeholder="default" autocomplete="off" spellcheck=${false} aria-describedby="tenant-hint" />
          <p id="tenant-hint" class="hint faint">Empty: default.</p>
        </div>
        <div class="wider">
          <label for="ews-url">EWS URL</label>
          <input
            id="ews-url"
            name="ewsUrl"
            type="url"
            placeholder="https://mail.example.com/EWS/Exchange.asmx"
            autocomplete="off"
            spellcheck=${false}
            aria-describedby="ews-url-hint"
          />
          <p id="ews-url-hint" class="hint faint">Where log-ins of the tenant's phones may be sent. Empty: Autodiscover finds it.</p>
        </div>
      </div>
      <p id="new-problem" role="alert" class="problem">${problem}</p>
      <button type="submit" class="main">Make a token</button>
    </form>
  <//>`
}

/** @param {{ made: import("./Api.js").MadeToken, onDone: () => void }} props */
const Made = ({ made, onDone }) => {
  const field = useRef(/** @type {HTMLInputElement | null} */ (null))
  useEffect(() => {
    field.current?.focus()
    field.current?.select()
  }, [])
  return html`<div class="note ok made">
    <div>
      <label for="made">Token ${made.id} of tenant ${made.tenant}, shown this once</label>
      <input id="made" ref=${field} class="mono" readonly value=${made.token} autocomplete="off" spellcheck=${false} />
      <div class="row">
        <${Copy} text=${made.token} what="the token" />
        <button type="button" onClick=${onDone}>I have kept it</button>
      </div>
    </div>
  </div>`
}
