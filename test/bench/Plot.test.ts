import { describe, expect, it } from "vitest"
import { plot } from "../../bench/Plot.ts"
import { linearAxis, logAxis } from "../../bench/PlotAxis.ts"
import { chartsOf } from "../../bench/PlotRows.ts"

describe("a logarithmic axis", () => {
  it("goes from the power of ten below to the one above, each of them a tick", () => {
    const axis = logAxis([1_000, 50_000, 1_000_000], [0, 300])
    expect(axis.ticks).toEqual([1_000, 10_000, 100_000, 1_000_000])
    expect(axis.ticks.map(axis.place)).toEqual([0, 100, 200, 300])
  })

  it("has a length for a single value", () => {
    expect(logAxis([1_000], [0, 100]).ticks).toEqual([1_000, 10_000])
  })
})

describe("a linear axis", () => {
  it("goes from 0 to a round number at or above the largest value", () => {
    const axis = linearAxis([2_321, 2_480], [200, 0])
    expect(axis.ticks).toEqual([0, 500, 1_000, 1_500, 2_000, 2_500])
    expect(axis.place(0)).toBe(200)
    expect(axis.place(2_500)).toBe(0)
  })

  it("ends at the largest value if that is round", () => {
    expect(linearAxis([30], [0, 1]).ticks.at(-1)).toBe(30)
  })

  it("has ticks where all values are 0", () => {
    expect(linearAxis([0], [0, 1]).ticks.length).toBeGreaterThan(1)
  })
})

describe("rows of benches", () => {
  const actors = {
    bench: "actors",
    rows: [
      { runtime: "ENS", n: 10_000, bytesPerActor: 2_000 },
      { runtime: "ENS", n: 1_000, bytesPerActor: 2_100 },
      { runtime: "Erlang", n: 1_000, bytesPerActor: 3_000 }
    ]
  }

  it("become a chart for each column and a line for each that was measured, from small to large", () => {
    const [chart] = chartsOf([actors], ["bytesPerActor"])
    expect(chart?.title).toBe("bytes per actor")
    expect(chart?.series).toEqual([
      {
        name: "ENS",
        points: [
          [1_000, 2_100],
          [10_000, 2_000]
        ]
      },
      { name: "Erlang", points: [[1_000, 3_000]] }
    ])
  })

  it("of which none has the column are an error", () => {
    expect(() => chartsOf([actors], ["seconds"])).toThrow("seconds")
  })
})

describe("a plotted chart", () => {
  const series = [
    {
      name: "A & B",
      points: [
        [1_000, 5],
        [10_000, 10]
      ] as const
    },
    { name: "C", points: [[1_000, 1]] as const }
  ]
  const svg = plot([{ title: "cost", xLabel: "users", yLabel: "MiB <rss>", series }])

  it("has a line for each series, their names, and both axes' labels", () => {
    expect(svg.match(/<polyline/g)).toHaveLength(2)
    expect(svg).toContain("A &amp; B")
    expect(svg).toContain(">users<")
    expect(svg).toContain(">MiB &lt;rss&gt;<")
    expect(svg).toContain(">10k<")
  })

  it("puts a larger value higher and further right", () => {
    const points = /points="([^"]+)"/
      .exec(svg)?.[1]
      ?.split(" ")
      .map((place) => place.split(",").map(Number))
    const [[x1, y1], [x2, y2]] = points as [[number, number], [number, number]]
    expect(x2).toBeGreaterThan(x1)
    expect(y2).toBeLessThan(y1)
  })

  it("has colours for light and dark", () => {
    expect(svg).toContain("prefers-color-scheme:dark")
  })

  it("uses a logarithmic axis for values that span orders of magnitude", () => {
    const wide = [
      {
        name: "s",
        points: [
          [1_000, 0.1],
          [1_000_000, 100]
        ] as const
      }
    ]
    const drawn = plot([{ title: "t", xLabel: "x", yLabel: "y", series: wide }])
    for (const tick of [">0.1<", ">1<", ">10<", ">100<"]) expect(drawn).toContain(tick)
  })
})
