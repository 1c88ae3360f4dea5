import { describe, expect, it } from "@effect/vitest"
import { HostStory, OUTAGES_TOLD, TOLD_AGAIN } from "../../../layers/ews/HostStory.ts"

const MINUTE = 60_000
const trouble = (since: number) => ({ since, reason: "the connection was refused" })

describe("what the log tells of a host", () => {
  it("is when it goes down, and when it answers again", () => {
    const story = new HostStory("mail.example.com")
    expect(story.down(trouble(0))).toEqual({
      level: "warning",
      text: "Exchange host mail.example.com is down: the connection was refused. Its users' calls wait; others go on"
    })
    for (let call = 0; call < 7; call += 1) story.refused()
    expect(story.up(trouble(0), 90_000)).toEqual({
      level: "info",
      text: "Exchange host mail.example.com answers again after 90 s; 7 calls were not made"
    })
  })

  it("is once an hour that it is still down", () => {
    const story = new HostStory("mail.example.com")
    story.down(trouble(0))
    const told: Array<string> = []
    for (let at = MINUTE; at <= 24 * 60 * MINUTE; at += MINUTE) {
      story.refused()
      const line = story.stillDown(trouble(0), at)
      if (line !== undefined) told.push(line.text)
    }
    expect(told).toHaveLength(24)
    expect(told[1]).toBe(
      "Exchange host mail.example.com is still down after 2 h: the connection was refused. 120 calls were not made"
    )
  })

  it("is a few lines an hour of one that comes and goes", () => {
    const story = new HostStory("mail.example.com")
    const told: Array<string> = []
    const count = () => {
      for (let at = 0; at < TOLD_AGAIN; at += MINUTE) {
        for (const line of [story.down(trouble(at)), story.up(trouble(at), at + MINUTE / 2)])
          if (line !== undefined) told.push(line.text)
      }
    }
    count()
    expect(told).toHaveLength(2 * OUTAGES_TOLD + 1)
    expect(told.at(-1)).toBe(
      "Exchange host mail.example.com comes and goes: down 4 times within 3 min, now because: the connection was refused. This is not told again within the hour"
    )
    expect(story.down(trouble(TOLD_AGAIN))?.text).toContain("is down")
  })

  it("is once an hour that users have to wait, with how often", () => {
    const story = new HostStory("mail.example.com")
    expect(story.throttled("ErrorServerBusy", 299_984, 0)).toEqual({
      level: "warning",
      text: "Exchange host mail.example.com lets a user wait 5 min (ErrorServerBusy); others go on. This is told once an hour"
    })
    for (let call = 0; call < 1_000; call += 1)
      expect(story.throttled("ErrorServerBusy", 300_000, call)).toBeUndefined()
    expect(story.throttled("ErrorServerBusy", 5_000, TOLD_AGAIN)?.text).toBe(
      "Exchange host mail.example.com lets a user wait 5 s (ErrorServerBusy); others go on. So it did 1000 times since this was told"
    )
  })
})
