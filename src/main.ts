#!/usr/bin/env node
import { applyNodeFlags } from "./HeapFlags.ts"

applyNodeFlags(process.argv)
// Only now, because loading all of it twice would take a second.
await import("./Ens.ts")
