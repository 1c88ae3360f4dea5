#!/usr/bin/env node
import { endOnEarlySignals } from "./EarlySignals.ts"
import { applyNodeFlags } from "./HeapFlags.ts"

applyNodeFlags(process.argv)
const letGo = endOnEarlySignals()
// Only now, because loading all of it twice would take a second.
await import("./Ens.ts")
letGo()
