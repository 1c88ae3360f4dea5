import { html } from "htm/preact"
import { useState } from "preact/hooks"
import { call, now } from "./Api.js"
import { NewTokenForm } from "./NewTokenForm.js"
import { Badge, Confirm, Note, Section, Table, Waiting, When } from "./Parts.js"
import { useNow, usePolled } from "./Polled.js"
import { RotateToken } from "./RotateToken.js"
import { ShownToken } from "./ShownToken.js"

/**
 * @typedef {import("./Api.js").Tokens} Tokens
 * @typedef {Tokens["tokens"][number]} Token
 * @typedef {Tokens["adminTokens"][number]} AdminToken
 * @typedef {import("./RotateToken.js").Chosen} Victim
 * @typedef {import("./Api.js").RotatedToken} RotatedToken
 * @typedef {{ lastUsedAt: number | null, replacedAt: number | null, expiresAt: number | null }} Life
 */

/** The tokens of apps and of administrators. */
export const TokensPage = () => {
  /** @type {import("./Polled.js").Polled<Tokens>} */
  const polled = usePolled("tokens", 60)
  const [victim, setVictim] = useState(/** @type {Victim | undefined} */ (undefined))
  const [chosen, setChosen] = useState(/** @type {Victim | undefined} */ (undefined))
  const [rotated, setRotated] = useState(/** @type {RotatedToken | undefined} */ (undefined))
  const [says, setSays] = useState(
    /** @type {{ tone: "ok" | "bad", text: string } | undefined} */ (undefined)
  )
  useNow()
  const { data } = polled
  const revoke = async (/** @type {Victim} */ it) => {
    setVictim(undefined)
    try {
      await call("DELETE", `${it.path}/${encodeURIComponent(it.id)}`)
      setSays({ tone: "ok", text: `Token ${it.id} (${it.label}) is revoked.` })
    } catch (error) {
      setSays({ tone: "bad", text: error instanceof Error ? error.message : String(error) })
    }
    polled.again()
  }
  const done = (/** @type {RotatedToken} */ it) => {
    setChosen(undefined)
    setRotated(it)
    polled.again()
  }
  return html`<${Waiting} polled=${polled} />
    <div role="status">${says && html`<${Note} tone=${says.tone}><p>${says.text}</p><//>`}</div>
    ${
      rotated &&
      html`<${ShownToken}
        key=${rotated.id}
        title=${`Token ${rotated.id}${rotated.tenant === null ? "" : ` of tenant ${rotated.tenant}`}, in place of ${rotated.replaces}`}
        token=${rotated.token}
        onDone=${() => setRotated(undefined)}
      />`
    }
    ${
      data &&
      html`<${Section} title="API tokens">
          <p class="faint">
            Phones of an organisation show one of these to register; it is ENSAPIToken in the app's profile. Tokens themselves are
            not kept and cannot be shown again.
          </p>
          <${Table}
            caption="API tokens"
            empty="None yet: no phone can register. Make one below."
            rows=${data.tokens}
            keyOf=${(/** @type {Token} */ row) => row.id}
            columns=${[...TOKENS, rotating("tokens", setChosen), revoking("tokens", setVictim)]}
          />
        <//>
        <${NewTokenForm} onMade=${polled.again} />
        <${Section} title="Admin tokens">
          <p class="faint">
            They open this console and nothing else. A new one is made on the server: ${" "}
            <code class="command">ens token create --admin --label NAME</code>
          </p>
          <${Table}
            caption="Admin tokens"
            empty="None."
            rows=${data.adminTokens}
            keyOf=${(/** @type {AdminToken} */ row) => row.id}
            columns=${[...ADMIN_TOKENS, rotating("admin-tokens", setChosen), revoking("admin-tokens", setVictim)]}
          />
        <//>`
    }
    ${chosen && html`<${RotateToken} chosen=${chosen} onDone=${done} onNo=${() => setChosen(undefined)} />`}
    ${
      victim &&
      html`<${Confirm}
        title=${`Revoke token ${victim.id}, ${victim.label}?`}
        act="Revoke"
        onYes=${() => revoke(victim)}
        onNo=${() => setVictim(undefined)}
      >
        <p>
          ${
            victim.isAdmin
              ? "Sessions that were opened with it end, this one too if it is yours."
              : "Phones with this token cannot register any more. Users and subscriptions stay."
          }${" "}
          This cannot be undone.
        </p>
      <//>`
    }`
}

/** Times of a token's life. */
const LIFE = [
  {
    head: "Made",
    cell: (/** @type {{ createdAt: number }} */ it) => html`<${When} at=${it.createdAt} />`
  },
  {
    head: "Last used",
    cell: (/** @type {{ lastUsedAt: number | null }} */ it) => html`<${When} at=${it.lastUsedAt} />`
  },
  {
    head: "Ends",
    cell: (/** @type {Life} */ it) => html`${endBadge(it)} <${When} at=${it.expiresAt} />`
  }
]

const WEEK = 7 * 24 * 3_600_000

/** As schemas/TokenEnd.ts has it. @param {Life} token */
const endBadge = ({ expiresAt, lastUsedAt, replacedAt }) => {
  if (expiresAt === null) return ""
  if (expiresAt <= now()) return html`<${Badge} tone="quiet">ended<//>`
  const isUsed = lastUsedAt !== null && lastUsedAt > (replacedAt ?? 0) && now() - lastUsedAt <= WEEK
  return isUsed && expiresAt - now() <= WEEK ? html`<${Badge} tone="warn">still used<//>` : ""
}

const TOKENS = [
  { head: "Id", cell: (/** @type {Token} */ it) => html`<span class="mono">${it.id}</span>` },
  { head: "Label", cell: (/** @type {Token} */ it) => html`<span class="long">${it.label}</span>` },
  { head: "Tenant", cell: (/** @type {Token} */ it) => it.tenant },
  {
    head: "EWS URLs of the tenant",
    cell: (/** @type {Token} */ it) =>
      it.ewsUrls.length === 0
        ? html`<span class="faint">by Autodiscover</span>`
        : it.ewsUrls.map((url) => html`<span class="mono long line" key=${url}>${url}</span>`)
  },
  ...LIFE
]

const ADMIN_TOKENS = [
  { head: "Id", cell: (/** @type {AdminToken} */ it) => html`<span class="mono">${it.id}</span>` },
  { head: "Label", cell: (/** @type {AdminToken} */ it) => html`<span class="long">${it.label}</span>` },
  ...LIFE
]

/**
 * @param {"tokens" | "admin-tokens"} path
 * @param {(victim: Victim) => void} ask
 */
const revoking = (path, ask) => ({
  head: "Revoke",
  isAct: true,
  cell: (/** @type {{ id: string, label: string }} */ { id, label }) =>
    html`<button
      type="button"
      class="small"
      aria-label=${`Revoke ${id}, ${label}`}
      onClick=${() => ask({ path, id, label, isAdmin: path === "admin-tokens" })}
    >
      Revoke …
    </button>`
})

/**
 * @param {"tokens" | "admin-tokens"} path
 * @param {(chosen: Victim) => void} ask
 */
const rotating = (path, ask) => ({
  head: "Rotate",
  isAct: true,
  cell: (/** @type {{ id: string, label: string, expiresAt: number | null }} */ { expiresAt, id, label }) =>
    (expiresAt === null || (path === "tokens" && expiresAt > now())) &&
    html`<button
      type="button"
      class="small"
      aria-label=${`Rotate ${id}, ${label}`}
      onClick=${() => ask({ path, id, label, isAdmin: path === "admin-tokens" })}
    >
      Rotate …
    </button>`
})
