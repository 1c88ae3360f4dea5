import { html } from "htm/preact"
import { useEffect, useRef, useState } from "preact/hooks"
import { Note, Waiting } from "./Parts.js"
import { useNow, usePolled } from "./Polled.js"
import { go } from "./Route.js"
import { isUserId, userIdOf } from "./UserId.js"
import { UserInTenant } from "./UserInTenant.js"

/** @import { UserPage as Found } from "../../../schemas/ConsoleApi.ts" */

/** Why does a user get no mail? @param {{ rest: string }} props the user's id, or "" */
export const UserPage = ({ rest }) => html`
  <${Search} />
  ${isUserId(rest) ? html`<${User} key=${rest} userId=${rest} />` : null}
`

const Search = () => {
  const field = useRef(/** @type {HTMLInputElement | null} */ (null))
  const [problem, setProblem] = useState("")
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault()
    const id = await userIdOf(field.current?.value ?? "")
    setProblem(id === undefined ? "Type a whole address (name@example.com), or an id of 64 digits." : "")
    if (id === undefined) field.current?.focus()
    else go("user", id)
  }
  return html`<form class="search" role="search" onSubmit=${submit}>
    <label for="address">Address or user id</label>
    <div class="row">
      <input
        id="address"
        ref=${field}
        type="text"
        inputmode="email"
        autocomplete="off"
        autocapitalize="none"
        spellcheck=${false}
        aria-describedby="address-problem address-hint"
        aria-invalid=${problem !== "" ? "true" : undefined}
      />
      <button type="submit" class="main">Look up</button>
    </div>
    <p id="address-problem" role="alert" class="problem">${problem}</p>
    <p id="address-hint" class="hint faint">
      The address stays in this browser: only its SHA-256 is sent, which is the user's id in ENS.
    </p>
  </form>`
}

/** @param {{ userId: string }} props */
const User = ({ userId }) => {
  /** @type {import("./Polled.js").Polled<Found>} */
  const polled = usePolled(`users/${userId}`, 5)
  const [says, setSays] = useState(/** @type {{ done: boolean, text: string } | undefined} */ (undefined))
  const heading = useRef(/** @type {HTMLHeadingElement | null} */ (null))
  useNow(15)
  const { data } = polled
  const isThere = data !== undefined
  useEffect(() => {
    if (isThere) heading.current?.focus()
  }, [isThere])
  const onDone = (/** @type {boolean} */ done, /** @type {string} */ text) => {
    setSays({ done, text })
    polled.again()
  }
  return html`<${Waiting} polled=${polled} />
    ${
      data &&
      html`<h2 ref=${heading} tabindex="-1">
          ${data.users.length === 0 ? "Nobody here has this address" : "User"}
        </h2>
        <p class="mono long faint">${userId}</p>`
    }
    <div role="status">
      ${says && html`<${Note} tone=${says.done ? "ok" : "bad"}><p>${says.text}</p><//>`}
    </div>
    ${
      data?.users.length === 0 &&
      html`<p>
        No device of this user is registered: the app never reached ENS, or the user was forgotten. Check the address, then
        ENSLinkAddress and ENSAPIToken in the app's profile.
      </p>`
    }
    ${data?.users.map(
      (user) => html`<${UserInTenant} key=${user.tenant} userId=${userId} user=${user} onDone=${onDone} />`
    )}`
}
