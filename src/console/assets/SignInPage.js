import { html } from "htm/preact"
import { useEffect, useRef, useState } from "preact/hooks"
import { signIn } from "./Api.js"
import { Note } from "./Parts.js"

/** @param {{ why: string, onIn: (session: import("./Api.js").Session) => void }} props `why` one is asked again */
export const SignInPage = ({ why, onIn }) => {
  const [problem, setProblem] = useState("")
  const [isBusy, setBusy] = useState(false)
  const token = useRef(/** @type {HTMLInputElement | null} */ (null))
  useEffect(() => {
    document.title = "Sign in – ENS console"
    token.current?.focus()
  }, [])
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault()
    const value = token.current?.value.trim() ?? ""
    if (value === "") return setProblem("Paste an admin token first.")
    setBusy(true)
    setProblem("")
    try {
      onIn(await signIn(value))
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error))
      setBusy(false)
      token.current?.focus()
      token.current?.select()
    }
  }
  return html`<main class="narrow">
    <p class="brand big"><img src="/console/assets/icon.svg" alt="" width="40" height="40" /></p>
    <h1>ENS console</h1>
    <div role="status">${why === "" ? null : html`<${Note} tone="warn"><p>${why}</p><//>`}</div>
    <form class="panel" onSubmit=${submit}>
      <!-- Password managers keep a token under a name. -->
      <input class="unseen" type="text" name="username" autocomplete="username" value="ENS console" tabindex="-1" aria-hidden="true" readonly />
      <label for="token">Admin token</label>
      <input
        id="token"
        ref=${token}
        type="password"
        name="password"
        autocomplete="current-password"
        spellcheck=${false}
        required
        aria-describedby="token-problem token-hint"
        aria-invalid=${problem !== "" ? "true" : undefined}
      />
      <p id="token-problem" role="alert" class="problem">${problem}</p>
      <button type="submit" class="main wide" disabled=${isBusy}>${isBusy ? "Signing in …" : "Sign in"}</button>
      <p id="token-hint" class="hint faint">
        It begins with <code>ensadm-</code>. To make one, run on the server:${" "}
        <code class="command">ens token create --admin --label NAME</code>
      </p>
    </form>
  </main>`
}
