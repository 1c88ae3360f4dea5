import { styleText } from "node:util"
import type { Finding } from "../doctor/Finding.ts"

/** What a terminal shows beside the findings: what is being looked at, and colours. */
export interface DoctorProgress {
  readonly begins: (check: string) => void
  readonly clear: () => void
  readonly coloured: (finding: Finding, line: string) => string
}

/** For this process's terminal, if it has one. `quiet`: the output is for a program. */
export const doctorProgress = (quiet: boolean): DoctorProgress => {
  const shows = !quiet && process.stderr.isTTY && process.stdout.isTTY
  const colours = !quiet && process.stdout.isTTY && (process.env["NO_COLOR"] ?? "") === ""
  const write = (text: string) => (shows ? void process.stderr.write(`\r\u001b[K${text}`) : undefined)
  return {
    begins: (check) => write(`… ${check}`),
    clear: () => write(""),
    coloured: ({ verdict }, line) =>
      colours ? styleText(COLOURS[verdict], line.slice(0, 1)) + line.slice(1) : line
  }
}

const COLOURS = { ok: "green", failed: "red", skipped: "gray" } as const
