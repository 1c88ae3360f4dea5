import { samples } from "../support/EwsSamples.ts"
import type { Figures } from "./Finding.ts"

/** Said at the start of a run; "" if nothing is missing. */
export const SAMPLES_MISSING = samples.present
  ? ""
  : "SKIPPED: ../shared/ews/samples is not there, so that no real messages of EWS servers are among the seeds"

/** A line of a target. */
export const render = (figures: Figures): string =>
  [
    figures.target.padEnd(18),
    `${figures.inputs} inputs in ${figures.seconds.toFixed(1)} s`,
    `seeds ${figures.seeds}, corpus ${figures.corpus}, reached ${figures.reached}`,
    `slowest ${figures.slowest.toFixed(1)} ms (${figures.slowestBytes} bytes)`,
    `heap ${figures.heapBefore === 0 ? "" : `${megabytes(figures.heapBefore)} to `}${megabytes(figures.heapAfter)} MB`
  ].join(" · ")

const megabytes = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1)
