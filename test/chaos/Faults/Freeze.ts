import type { Fault } from "../Fault.ts"

/** A virtual machine that is moved: nothing runs, connections stay. */
export const freeze: Fault = {
  name: "SIGSTOP",
  weight: 2,
  run: ({ minutes, victim }, random) => victim.alone(victim.freeze(minutes(random.between(1, 4))))
}
