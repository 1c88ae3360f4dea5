import { html } from "htm/preact"
import { Icon } from "./Icon.js"
import { When } from "./Parts.js"
import { counted } from "./Words.js"

/** @import { Overview } from "../../../schemas/ConsoleApi.ts" */

/** Is all well? If not, what is wrong and what helps. @param {{ overview: Overview }} props */
export const Verdict = ({ overview }) => {
  const [tone, says, more] = verdictOn(overview)
  return html`<section class="verdict-section" aria-labelledby="verdict">
    <div class=${`verdict ${tone}`}>
      <${Icon} name=${tone} />
      <div role="status">
        <h2 id="verdict">${says}</h2>
        ${more === "" ? null : html`<p>${more}</p>`}
      </div>
    </div>
    ${
      overview.troubles.length > 0 &&
      html`<ol class="troubles">
        ${overview.troubles.map(
          (it) => html`<li key=${`${it.fault} ${it.where}`}><${Trouble} trouble=${it} /></li>`
        )}
      </ol>`
    }
  </section>`
}

/**
 * @param {Overview} overview
 * @returns {["ok" | "warn" | "bad", string, string]}
 */
const verdictOn = ({ ready, role, storage, troubles }) => {
  const notReady = ready ? "" : `This node (${role}) is not ready: balancers send it no requests.`
  if (troubles.length > 0) return ["bad", counted(troubles.length, "trouble"), notReady]
  if (storage !== "reachable") return ["bad", "Storage is away", notReady]
  return ready ? ["ok", "All is well", ""] : ["warn", "Not ready", notReady]
}

/** @param {{ trouble: Overview["troubles"][number] }} props */
const Trouble = ({ trouble }) => html`<article class="trouble">
  <h3>${sentence(trouble.title)}${trouble.where === "" ? "" : html`<span class="where">${trouble.where}</span>`}</h3>
  <p class="what">${trouble.what}</p>
  <p class="cure"><strong>Cure:</strong> ${trouble.cure}.</p>
  <p class="faint">
    Since <${When} at=${trouble.since} />${
      trouble.count > 1 ? html`, ${counted(trouble.count, "time")}, last <${When} at=${trouble.last} />` : ""
    }. Known as <code>${trouble.fault}</code> in the log, in <code>ens doctor</code> and in docs/troubleshooting.md.
  </p>
</article>`

/** @param {string} text */
const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1)
