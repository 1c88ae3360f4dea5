import { html, render } from "htm/preact"
import { App } from "./App.js"

const place = document.getElementById("console")
if (place !== null) {
  place.replaceChildren()
  render(html`<${App} />`, place)
}
