import { Schema } from "effect"

/** Milliseconds since 1970, as far as calendars go: beyond that, writing it as a date fails (ECMA-262, time values). */
export const PointInTime = Schema.Number.pipe(Schema.between(0, 8.64e15))
