import { useEffect, useReducer, useRef, useState } from "preact/hooks"
import { now, read, SignedOut } from "./Api.js"

/**
 * What `path` answers, asked for anew every so many seconds while the page is looked at. The last answer stays while the
 * service is away.
 * @template T
 * @typedef {{ data: T | undefined, at: number, problem: string | undefined, again: () => void }} Polled
 */

/**
 * @template T
 * @param {string} path
 * @param {number} seconds 0 = once, and at `again`
 * @returns {Polled<T>}
 */
export const usePolled = (path, seconds) => {
  const [state, setState] = useState(
    /** @type {{ path: string, data: T | undefined, at: number, problem: string | undefined }} */ ({
      path,
      data: undefined,
      at: 0,
      problem: undefined
    })
  )
  const again = useRef(() => {})
  /** The path of the last answer. */
  const at = useRef("")
  useEffect(() => {
    const poll = polling(seconds, async () => {
      if (at.current === path && !isFree(path) && Date.now() - touchedAt > UNTOUCHED) return
      try {
        const data = /** @type {T} */ (await read(path))
        at.current = path
        if (!poll.isOver()) setState({ path, data, at: now(), problem: undefined })
      } catch (error) {
        if (error instanceof SignedOut || poll.isOver()) return
        const problem = error instanceof Error ? error.message : String(error)
        setState((before) => ({
          ...before,
          ...(before.path === path ? {} : { path, data: undefined }),
          problem
        }))
      }
    })
    again.current = poll.now
    return poll.end
  }, [path, seconds])
  const isOurs = state.path === path
  return {
    data: isOurs ? state.data : undefined,
    at: state.at,
    problem: isOurs ? state.problem : undefined,
    again: () => again.current()
  }
}

/** Milliseconds after the last key or pointer for which a page goes on asking for what counts as use of the session. */
const UNTOUCHED = 10 * 60_000
let touchedAt = Date.now()
for (const name of ["keydown", "pointerdown"]) addEventListener(name, () => (touchedAt = Date.now()), true)

/** Asking for these keeps no session alive. @param {string} path */
const isFree = (path) => path === "overview" || path === "series"

/** Makes the caller draw anew, so that "3 min ago" does not stay so. @param {number} seconds */
export const useNow = (seconds = 30) => {
  const [, draw] = useReducer((/** @type {number} */ count) => count + 1, 0)
  useEffect(() => {
    const timer = setInterval(() => draw(undefined), seconds * 1000)
    return () => clearInterval(timer)
  }, [seconds])
  return now()
}

/** @param {number} seconds @param {() => Promise<void>} ask */
const polling = (seconds, ask) => {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  let isOver = false
  let isAsking = false
  const turn = async () => {
    clearTimeout(timer)
    if (isAsking || isOver) return
    isAsking = true
    await ask()
    isAsking = false
    if (!isOver && seconds > 0 && !document.hidden) timer = setTimeout(turn, seconds * 1000)
  }
  const onSight = () => (document.hidden ? clearTimeout(timer) : void turn())
  if (seconds > 0) document.addEventListener("visibilitychange", onSight)
  void turn()
  return {
    now: turn,
    isOver: () => isOver,
    end: () => {
      isOver = true
      clearTimeout(timer)
      document.removeEventListener("visibilitychange", onSight)
    }
  }
}
