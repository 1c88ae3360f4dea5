import { html } from "htm/preact"

/** Lines of 16 by 16. Each stands beside a word that says the same, so readers skip it. */
const LINES = {
  ok: "M3 8.5l3.2 3.2L13 4.8",
  warn: "M8 2.2L14.5 13.5H1.5zM8 6.5v3.2M8 11.6v.2",
  bad: "M4 4l8 8M12 4l-8 8",
  quiet: "M4 8h8",
  registration: "M7 2.5h6.5v11H7M2 8h8M7.5 5.5L10 8l-2.5 2.5",
  subscribed: "M6.5 9.5l3-3M7 4.5l1.5-1.5a3 3 0 0 1 4.5 4.5L11.5 9M9 11.5L7.5 13A3 3 0 0 1 3 8.5L4.5 7",
  state: "M3 5.5h9M9.5 3l2.5 2.5L9.5 8M13 10.5H4M6.5 8L4 10.5 6.5 13",
  heartbeat: "M1.5 8.5h3l2-5 3 9 2-4h3",
  mail: "M2 3.5h12v9H2zM2 4l6 5 6-5",
  nudge: "M8 2a4 4 0 0 1 4 4c0 4 1.5 5 1.5 5h-11S4 10 4 6a4 4 0 0 1 4-4M6.5 13.5h3",
  error: "M8 1.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13M8 4.5v4.5M8 11.3v.2",
  device: "M5 1.5h6v13H5zM7.5 12.2h1",
  admin: "M8 2a2.8 2.8 0 1 1 0 5.6A2.8 2.8 0 0 1 8 2M2.8 14c0-6 10.4-6 10.4 0"
}

/** @typedef {keyof typeof LINES} IconName */

/** @param {{ name: string }} props a name that has no picture gets a dot */
export const Icon = ({ name }) => {
  const line = name in LINES ? LINES[/** @type {IconName} */ (name)] : "M8 7.5v1"
  return html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false"><path d=${line} /></svg>`
}
