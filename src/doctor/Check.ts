import type { Effect, Scope } from "effect"
import type { Tell } from "./Finding.ts"
import type { Patient } from "./Patient.ts"

/**
 * Looks at one thing. Whatever it finds it tells, as soon as it knows; what it fails with, or that it does not end in its
 * time, is told for it.
 */
export interface Check {
  readonly name: string
  /** Seconds that it may take. */
  readonly within: number
  /** It asks other machines, which `--offline` forbids. */
  readonly network: boolean
  readonly run: (tell: Tell) => Effect.Effect<void, Error, Patient | Scope.Scope>
}
