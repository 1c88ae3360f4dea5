import { html } from "htm/preact"
import { useRef, useState } from "preact/hooks"
import { call } from "./Api.js"
import { Section } from "./Parts.js"
import { ShownToken } from "./ShownToken.js"

/** Makes a token and shows it, this once. @param {{ onMade: () => void }} props */
export const NewTokenForm = ({ onMade }) => {
  const [made, setMade] = useState(/** @type {import("./Api.js").MadeToken | undefined} */ (undefined))
  const [problem, setProblem] = useState("")
  const [isBusy, setBusy] = useState(false)
  // At once, unlike the state: a second click comes before the page is drawn anew.
  const isAsking = useRef(false)
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault()
    if (isAsking.current) return
    isAsking.current = true
    setBusy(true)
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
    } finally {
      isAsking.current = false
      setBusy(false)
    }
  }
  return html`<${Section} title="New API token">
    ${
      made &&
      html`<${ShownToken}
        key=${made.id}
        title=${`Token ${made.id} of tenant ${made.tenant}`}
        token=${made.token}
        onDone=${() => setMade(undefined)}
      />`
    }
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
      <button type="submit" class="main" aria-disabled=${isBusy}>Make a token</button>
    </form>
  <//>`
}
