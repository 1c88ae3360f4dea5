import { html } from "htm/preact"
import { useState } from "preact/hooks"
import { call } from "./Api.js"
import { Badge, Confirm, Facts, Note, Table, When } from "./Parts.js"
import { stateOf } from "./States.js"
import { Timeline } from "./Timeline.js"
import { counted } from "./Words.js"

/**
 * @import { UserView } from "../../../schemas/ConsoleApi.ts"
 * @typedef {UserView["devices"][number]} Device
 * @typedef {UserView["deadLetters"][number]} DeadLetter
 */

/**
 * All that ENS knows of a user in one tenant.
 * @param {{ userId: string, user: UserView, onDone: (done: boolean, says: string) => void }} props
 */
export const UserInTenant = ({ userId, user, onDone }) => {
  const [, words, tone, about] = stateOf(user.state)
  return html`<section class="section user" aria-label=${`Tenant ${user.tenant}`}>
    <p class="standing">
      <${Badge} tone=${tone}>${words}<//>
      ${about === "" ? "" : `${about}; `}tenant <strong>${user.tenant}</strong>${
        user.stateSince === null ? "" : html`, since <${When} at=${user.stateSince} />`
      }
    </p>
    ${user.advice === "" ? null : html`<${Note} tone=${tone === "ok" || tone === "quiet" ? "quiet" : tone}><p>${user.advice}</p><//>`}
    <${Acts} userId=${userId} user=${user} onDone=${onDone} />
    <h3>Subscription</h3>
    <${Facts} facts=${factsOf(user)} />
    <h3>Devices</h3>
    <${Table}
      caption="Devices"
      empty="No device is registered."
      rows=${user.devices}
      keyOf=${(/** @type {Device} */ row) => row.device}
      columns=${DEVICES}
    />
    ${
      user.deadLetters.length > 0 &&
      html`<h3>Notifications that were given up</h3>
        <${Table}
          caption="Notifications that were given up"
          empty=""
          rows=${user.deadLetters.map((letter, index) => ({ ...letter, index }))}
          keyOf=${(/** @type {{ index: number }} */ row) => row.index}
          columns=${DEAD_LETTERS}
        />`
    }
    <h3>What happened</h3>
    <${Timeline} events=${user.events} />
  </section>`
}

/** @param {UserView} user @returns {ReadonlyArray<readonly [string, any]>} */
const factsOf = (user) => [
  ["Last heard from Exchange", html`<${When} at=${user.lastHeard} />`],
  ["Subscribed", html`<${When} at=${user.subscribedAt} />`],
  ["First seen", html`<${When} at=${user.createdAt} />`],
  ["Exchange host", html`<span class="long">${user.ewsHost ?? "–"}</span>`],
  ["Exchange version", user.exchangeVersion ?? "–"],
  ["Log-in", user.authType ?? "–"],
  ...(user.tokenExpiresAt === null
    ? []
    : [/** @type {const} */ (["Token expires", html`<${When} at=${user.tokenExpiresAt} />`])]),
  ["Subscriptions so far", String(user.generation)],
  ["Unread mails", user.unread === null ? "–" : String(user.unread)],
  ["Waiting notifications", String(user.waiting)]
]

/** @param {{ userId: string, user: UserView, onDone: (done: boolean, says: string) => void }} props */
const Acts = ({ userId, user, onDone }) => {
  const [busy, setBusy] = useState("")
  const [isAsking, setAsking] = useState(false)
  const act = async (/** @type {"test" | "ask" | "forget"} */ action) => {
    setAsking(false)
    setBusy(action)
    try {
      /** @type {import("./Api.js").ActionResult} */
      const result = await call("POST", `users/${userId}/actions`, { tenant: user.tenant, action })
      onDone(result.done, result.says)
    } catch (error) {
      onDone(false, error instanceof Error ? error.message : String(error))
    }
    setBusy("")
  }
  const isBusy = busy !== ""
  return html`<div class="row acts">
      <button type="button" aria-disabled=${isBusy} onClick=${() => isBusy || act("test")}>
        ${busy === "test" ? "Sending …" : "Send a test notification"}
      </button>
      <button type="button" aria-disabled=${isBusy} onClick=${() => isBusy || act("ask")}>
        ${busy === "ask" ? "Asking …" : "Ask the app to register again"}
      </button>
      <button type="button" class="danger quiet" aria-disabled=${isBusy} onClick=${() => isBusy || setAsking(true)}>
        ${busy === "forget" ? "Forgetting …" : "Forget the user …"}
      </button>
    </div>
    ${
      isAsking &&
      html`<${Confirm}
        title="Forget this user?"
        act="Forget the user"
        onYes=${() => act("forget")}
        onNo=${() => setAsking(false)}
      >
        <p>
          ${counted(user.devices.length, "device")} of tenant ${user.tenant}, the subscription, keys and history are removed. No
          notifications come until the app registers again. This cannot be undone.
        </p>
      <//>`
    }`
}

/** Of `policyLimitNotificationText`. */
const POLICIES = [
  "sender, subject, first lines",
  "sender and subject",
  "sender only",
  '"New message" only',
  "badge only"
]

const DEVICES = [
  {
    head: "Device",
    isTitle: true,
    cell: (/** @type {Device} */ it) =>
      html`<strong>${it.platform}</strong> <span class="mono faint">${it.tokenDigest}</span>`
  },
  { head: "App", cell: (/** @type {Device} */ it) => html`<span class="long">${it.bundleId}</span>` },
  {
    head: "Shows",
    cell: (/** @type {Device} */ it) => POLICIES[it.policy] ?? `policy ${it.policy}`
  },
  { head: "Push service", cell: (/** @type {Device} */ it) => it.environment },
  { head: "Registered", cell: (/** @type {Device} */ it) => html`<${When} at=${it.registeredAt} />` },
  { head: "Seen", cell: (/** @type {Device} */ it) => html`<${When} at=${it.seenAt} />` },
  { head: "Asked to register", cell: (/** @type {Device} */ it) => html`<${When} at=${it.nudgedAt} />` }
]

const DEAD_LETTERS = [
  { head: "When", cell: (/** @type {DeadLetter} */ it) => html`<${When} at=${it.at} />` },
  { head: "What", cell: (/** @type {DeadLetter} */ it) => it.what },
  { head: "Why", cell: (/** @type {DeadLetter} */ it) => html`<span class="long">${it.reason}</span>` }
]
