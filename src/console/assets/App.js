import { html } from "htm/preact"
import { useEffect, useRef, useState } from "preact/hooks"
import { Away, currentSession, onSessionEnd, signOut } from "./Api.js"
import { AuditPage } from "./AuditPage.js"
import { CertificatesPage } from "./CertificatesPage.js"
import { LogLevelPage } from "./LogLevelPage.js"
import { OverviewPage } from "./OverviewPage.js"
import { Note } from "./Parts.js"
import { usePolled } from "./Polled.js"
import { addressOf, PAGES, useRoute } from "./Route.js"
import { SignInPage } from "./SignInPage.js"
import { TokensPage } from "./TokensPage.js"
import { UserPage } from "./UserPage.js"
import { counted } from "./Words.js"

/**
 * @import { Overview } from "../../../schemas/ConsoleApi.ts"
 * @import { Session } from "./Api.js"
 * @typedef {{ is: "asking" } | { is: "away", says: string } | { is: "out", why: string } | { is: "in", session: Session }} State
 */

const ENDED = "Your session has ended. Sign in to go on where you were."
/** Seconds. So soon every page notices that the session has ended, or that there is trouble. */
const LOOK_EVERY = 60

/** Signed in or not, and the frame around each page. */
export const App = () => {
  const [state, setState] = useState(/** @type {State} */ ({ is: "asking" }))
  const ask = async () => {
    try {
      setState({ is: "in", session: await currentSession() })
    } catch (error) {
      setState(error instanceof Away ? { is: "away", says: error.message } : { is: "out", why: "" })
    }
  }
  useEffect(() => {
    onSessionEnd(() => setState({ is: "out", why: ENDED }))
    void ask()
  }, [])
  if (state.is === "in") {
    return html`<${SignedIn} session=${state.session} onOut=${(/** @type {string} */ why) => setState({ is: "out", why })} />`
  }
  if (state.is === "out") {
    return html`<${SignInPage}
      why=${state.why}
      onIn=${(/** @type {Session} */ session) => setState({ is: "in", session })}
    />`
  }
  return html`<main class="narrow">
    <h1>ENS console</h1>
    <div role="status">
      ${
        state.is === "away"
          ? html`<${Note} tone="warn">
            <p><strong>${state.says}</strong></p>
            <button type="button" class="small" onClick=${ask}>Try again</button>
          <//>`
          : html`<p class="faint">Loading …</p>`
      }
    </div>
  </main>`
}

const VIEWS = {
  "": OverviewPage,
  user: UserPage,
  tokens: TokensPage,
  certificates: CertificatesPage,
  audit: AuditPage,
  "log-level": LogLevelPage
}

/** @param {{ session: Session, onOut: (why: string) => void }} props */
const SignedIn = ({ session, onOut }) => {
  const route = useRoute()
  /** @type {import("./Polled.js").Polled<Overview>} */
  const { data } = usePolled("overview", LOOK_EVERY)
  const troubles = data?.troubles.length ?? 0
  const [problem, setProblem] = useState("")
  const heading = useRef(/** @type {HTMLHeadingElement | null} */ (null))
  const isFirst = useRef(true)
  const title = PAGES.find(([page]) => page === route.page)?.[1] ?? ""
  useEffect(() => {
    document.title = `${title} – ENS console`
    // Whoever does not see the page hears that it is another one; after a load the browser says so itself.
    if (!isFirst.current) {
      heading.current?.focus()
      scrollTo(0, 0)
    }
    isFirst.current = false
  }, [title])
  const leave = async () => {
    try {
      await signOut()
      onOut("")
    } catch (error) {
      if (error instanceof Away) setProblem(`You are still signed in: ${error.message}`)
      else onOut("")
    }
  }
  const skip = (/** @type {Event} */ event) => {
    event.preventDefault()
    heading.current?.focus()
  }
  return html`
    <a class="skip" href="#main" onClick=${skip}>Skip to the content</a>
    <header class="top">
      <div class="inner">
        <p class="brand"><img src="/console/assets/icon.svg" alt="" width="24" height="24" /> ENS console</p>
        <nav aria-label="Pages">
          <ul>
            ${PAGES.map(
              ([page, name]) =>
                html`<li key=${page}>
                  <a href=${addressOf(page)} aria-current=${page === route.page ? "page" : undefined}>${name}${
                    page === "" && troubles > 0
                      ? html` <span class="badge bad" aria-hidden="true">${troubles}</span>
                          <span class="unseen">, ${counted(troubles, "trouble")}</span>`
                      : null
                  }</a>
                </li>`
            )}
          </ul>
        </nav>
        <div class="who">
          <span class="faint" title="The admin token of this session">${session.label}</span>
          <button type="button" class="small" onClick=${leave}>Sign out</button>
        </div>
      </div>
    </header>
    <main id="main">
      <div role="status">${problem === "" ? null : html`<${Note} tone="warn"><p>${problem}</p><//>`}</div>
      <h1 ref=${heading} tabindex="-1">${title}</h1>
      <${VIEWS[route.page]} rest=${route.rest} />
    </main>
  `
}
