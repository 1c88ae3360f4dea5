import { html } from "htm/preact"
import { useEffect, useRef } from "preact/hooks"
import { now } from "./Api.js"
import { timeOfDay, withUnit } from "./Words.js"

/** @import uPlot from "uplot" */
/** @import { Series } from "../../../schemas/ConsoleApi.ts" */

const HEIGHT = 150
/** A line is told by its dashes, too, not only by its colour. */
const DASHES = [[], [6, 4], [2, 3]]

/** Fewer points than this are drawn as dots, too: a single one is no line. */
const FEW = 30

/**
 * A picture of lines over time.
 * @param {{
 *   label: string, at: ReadonlyArray<number>, lines: Series["lines"], onPoint: (index: number | undefined) => void
 * }} props
 */
export const Plot = ({ label, at, lines, onPoint }) => {
  const place = useRef(/** @type {HTMLDivElement | null} */ (null))
  const plot = useRef(/** @type {uPlot | undefined} */ (undefined))
  const data = /** @type {uPlot.AlignedData} */ ([
    at.map((moment) => moment / 1000),
    ...lines.map((it) => it.values)
  ])
  const newest = useRef(data)
  /** What to do with new points where no plot is. */
  const lacking = useRef(() => {})
  newest.current = data
  const names = lines.map(({ name }) => name).join(" ")
  useEffect(() => {
    const element = place.current
    if (element === null) return
    let isOver = false
    let isComing = false
    const draw = async () => {
      isComing = true
      // The service may be away just now; the next points try again.
      const UPlot = await import("uplot").then((found) => found.default).catch(() => undefined)
      isComing = false
      if (isOver || UPlot === undefined) return
      plot.current?.destroy()
      plot.current = new UPlot(looks(element, lines, onPoint), newest.current, element)
    }
    const fit = new ResizeObserver(() =>
      plot.current?.setSize({ width: Math.max(1, element.clientWidth), height: HEIGHT })
    )
    const scheme = matchMedia("(prefers-color-scheme: dark)")
    scheme.addEventListener("change", draw)
    void draw()
    lacking.current = () => {
      if (!isComing) void draw()
    }
    fit.observe(element)
    return () => {
      isOver = true
      scheme.removeEventListener("change", draw)
      fit.disconnect()
      plot.current?.destroy()
      plot.current = undefined
    }
  }, [names])
  useEffect(() => {
    if (plot.current === undefined) lacking.current()
    else plot.current.setData(newest.current)
  }, [at])
  return html`<div class="plot" role="img" aria-label=${label} ref=${place}></div>`
}

/** @param {uPlot} it */
const newestOf = (it) => it.data[0].at(-1) ?? now() / 1000

/**
 * @param {HTMLElement} element
 * @param {Series["lines"]} lines
 * @param {(index: number | undefined) => void} onPoint
 * @returns {uPlot.Options}
 */
const looks = (element, lines, onPoint) => {
  const style = getComputedStyle(element)
  const colour = (/** @type {string} */ name) => style.getPropertyValue(name).trim()
  const axis = {
    stroke: colour("--faint"),
    font: `12px ${style.fontFamily}`,
    grid: { stroke: colour("--rule"), width: 1 },
    ticks: { show: false }
  }
  const unit = lines[0]?.unit ?? ""
  return {
    width: Math.max(1, element.clientWidth),
    height: HEIGHT,
    padding: [8, 18, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, sync: { key: "hour" }, points: { size: 6 } },
    scales: {
      // The whole hour also when there is less to show.
      x: { range: (it) => [newestOf(it) - 3600, newestOf(it)] },
      y: { range: (_, _low, high) => [0, high > 0 ? high * 1.1 : 1] }
    },
    axes: [
      { ...axis, size: 26, space: 60, values: (_, ticks) => ticks.map((tick) => timeOfDay(tick * 1000)) },
      {
        ...axis,
        size: 64,
        space: 34,
        values: (_, ticks) => ticks.map((tick) => withUnit(tick, unit === "1/s" ? "/s" : unit))
      }
    ],
    series: [
      {},
      ...lines.map((line, index) => ({
        label: line.name,
        stroke: colour(`--line-${(index % 3) + 1}`),
        width: 2,
        dash: DASHES[index % DASHES.length] ?? [],
        points: { show: (/** @type {uPlot} */ it) => it.data[0].length < FEW, size: 5 }
      }))
    ],
    hooks: { setCursor: [(/** @type {uPlot} */ it) => onPoint(it.cursor.idx ?? undefined)] }
  }
}
