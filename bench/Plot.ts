import { type Axis, linearAxis, logAxis } from "./PlotAxis.ts"

/** One line of a chart. Points are (x, y), x rising and above 0. */
export interface Series {
  readonly name: string
  readonly points: ReadonlyArray<readonly [x: number, y: number]>
}

export interface Chart {
  readonly title: string
  readonly xLabel: string
  readonly yLabel: string
  readonly series: ReadonlyArray<Series>
}

/**
 * Line charts one below the other as one SVG document, x on a logarithmic axis, y from 0 or, where the values span more
 * than one order of magnitude, logarithmic as well. Follows the reader's choice of light or dark.
 */
export const plot = (charts: ReadonlyArray<Chart>): string =>
  [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT * charts.length}" role="img">`,
    `<title>${escaped(charts.map(({ title }) => title).join("; "))}</title>`,
    `<style>${STYLE}</style>`,
    ...charts.map((chart, at) => `<g transform="translate(0 ${HEIGHT * at})">${drawn(chart)}</g>`),
    "</svg>",
    ""
  ].join("\n")

const WIDTH = 720
const HEIGHT = 300
/** Where the lines are. */
const LEFT = 76
const RIGHT = WIDTH - 24
const TOP = 64
const BOTTOM = HEIGHT - 52
const COLOURS = 6

const STYLE = [
  "text{font:13px system-ui,sans-serif;fill:#24292f}",
  ".title{font-weight:600;font-size:15px}",
  ".grid{stroke:#d0d7de;stroke-width:1}",
  ".line{fill:none;stroke-width:2}",
  ...["#0b62c4", "#bc4c00", "#1a7f37", "#8250df", "#a40e26", "#57606a"].map(colour),
  "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.grid{stroke:#3d444d}",
  ...["#6cb6ff", "#f69d50", "#6bc46d", "#dcbdfb", "#ff938a", "#9198a1"].map(colour),
  "}"
].join("")

function colour(value: string, at: number): string {
  return `.c${at}{stroke:${value}}circle.c${at}{fill:${value}}`
}

const drawn = ({ series, title, xLabel, yLabel }: Chart): string => {
  const points = series.flatMap((one) => one.points)
  const x = logAxis(
    points.map(([value]) => value),
    [LEFT, RIGHT]
  )
  const y = verticalAxis(points.map(([, value]) => value))
  return [
    `<text class="title" x="${LEFT}" y="22">${escaped(title)}</text>`,
    ...legend(series),
    ...y.ticks.map((tick) => {
      const at = y.place(tick)
      return `<line class="grid" x1="${LEFT}" x2="${RIGHT}" y1="${at}" y2="${at}"/><text x="${LEFT - 8}" y="${at + 4}" text-anchor="end">${short(tick)}</text>`
    }),
    ...x.ticks.map(
      (tick) => `<text x="${x.place(tick)}" y="${BOTTOM + 20}" text-anchor="middle">${short(tick)}</text>`
    ),
    `<text x="${(LEFT + RIGHT) / 2}" y="${BOTTOM + 42}" text-anchor="middle">${escaped(xLabel)}</text>`,
    `<text transform="translate(16 ${(TOP + BOTTOM) / 2}) rotate(-90)" text-anchor="middle">${escaped(yLabel)}</text>`,
    ...series.map((one, at) => lineOf(one, at, x, y))
  ].join("\n")
}

const verticalAxis = (values: ReadonlyArray<number>): Axis => {
  const positive = values.filter((value) => value > 0)
  const isWide = positive.length > 0 && Math.max(...positive) / Math.min(...positive) > 10
  return isWide ? logAxis(positive, [BOTTOM, TOP]) : linearAxis(values, [BOTTOM, TOP])
}

const lineOf = ({ points }: Series, at: number, x: Axis, y: Axis): string => {
  const places = points.map(([one, other]) => `${x.place(one)},${y.place(other)}`)
  const dots = places.map((place) => {
    const [cx, cy] = place.split(",")
    return `<circle class="c${at % COLOURS}" cx="${cx}" cy="${cy}" r="3"/>`
  })
  return `<polyline class="line c${at % COLOURS}" points="${places.join(" ")}"/>${dots.join("")}`
}

/** Names of the lines beside pieces of them; a single line is named by the title. */
const legend = (series: ReadonlyArray<Series>): ReadonlyArray<string> => {
  if (series.length < 2) return []
  let left = LEFT
  return series.map(({ name }, at) => {
    const start = left
    left += 44 + name.length * 7
    return `<line class="line c${at % COLOURS}" x1="${start}" x2="${start + 18}" y1="42" y2="42"/><text x="${start + 24}" y="46">${escaped(name)}</text>`
  })
}

/** 1,500 as 1.5k, 2,000,000 as 2M. */
const short = (value: number): string => {
  for (const [unit, size] of UNITS) {
    if (Math.abs(value) >= size) return `${Number((value / size).toPrecision(3))}${unit}`
  }
  return String(Number(value.toPrecision(3)))
}
const UNITS = [
  ["G", 1e9],
  ["M", 1e6],
  ["k", 1e3]
] as const

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;")
