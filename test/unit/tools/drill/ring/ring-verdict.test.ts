import { expect, test } from 'vitest'
import { judgeRing } from '../../../../../tools/drill/ring/ring-verdict.ts'
import { change, counter, ended, moving, type RightStory, remove, rightStory, staying } from './ring-histories.ts'

test('a right history has no violation, and is counted', () => {
  const { violations, acknowledged, lost, torn, readsChecked, tally } = judgeRing(rightStory())
  expect({ violations, acknowledged, lost, torn, readsChecked }).toEqual({
    ...{ violations: [], acknowledged: 8, lost: 0, torn: 0, readsChecked: 2 },
  })
  expect(tally).toContain('the ring came to version 3; keys came to another owner 2 times, by 3 copies')
  expect(tally).toContain('3 conditional writes landed, 1 were refused')
})

/** Adds to what has happened, at the end. */
type Plant = (story: RightStory) => unknown

const wrong: readonly (readonly [what: string, plant: Plant, sentence: RegExp])[] = [
  [
    'an acknowledged write is in no log',
    (story) => {
      story.op(1, 'put', { key: staying, value: '1-9', tag: 'bbbb0002-99-00000001' })
    },
    /client 1's put of 1-9 .* was acknowledged and is not in the log/,
  ],
  [
    'an acknowledged delete is in no log',
    (story) => story.op(1, 'delete', { key: staying }),
    /the log has 0 of its deletes, but 1 were acknowledged/,
  ],
  [
    'an acknowledged write was lost on the way to its next owner',
    ({ marks, ...story }) => remove(story, marks.lateCopy),
    /node-2 took the slot of "moving\d+" over .*, and had 1-0 .* instead of 1-1/,
  ],
  [
    'a value came to its next owner with other bytes',
    ({ marks, ...story }) => change(story, marks.lateCopy, { value: '1-0' }),
    /is a copy of aaaa0001-\d+-00000000, and not the same/,
  ],
  [
    'a value came to its next owner without its deadline',
    ({ marks, ...story }) => change(story, marks.second, { deadline: 9_000 }),
    /is a copy of aaaa0001-\d+-00000000, and not the same/,
  ],
  [
    'a copy is of nothing that was written',
    ({ marks, ...story }) => change(story, marks.lateCopy, { earlier: { tag: 'cccc-1-00000000', modifiedAt: 0 } }),
    /is a copy of cccc-1-00000000, which no log has/,
  ],
  [
    'a write was done twice, at both owners',
    (story) => story.append(1, { key: moving, value: '1-1' }),
    /the value 1-1 is in the log twice, as entry \d+ of node-1 and as entry \d+ of node-2/,
  ],
  [
    'an addition was done twice, at both owners',
    (story) => story.append(1, { key: counter, value: '3' }),
    /counter .*: 3 additions are in the logs, of 2 acknowledged and 0 left open/,
  ],
  [
    'an acknowledged addition was lost on the way',
    (story) => {
      const last = story.additions.at(-1)
      const entry = story.entries[1].find(({ tag }) => tag === last?.tag)
      if (entry !== undefined) change(story, entry, { value: '1' })
    },
    /counter .*: entry \d+ has 1, not 2/,
  ],
  [
    'a copy is left behind',
    ({ marks, ...story }) => remove(story, marks.swept),
    /node-1 still has "moving\d+" in the end, and does not own it: 1-1/,
  ],
  [
    'a log took a write after it had given the slot up',
    (story) => story.put(1, 0, moving, '1-9'),
    /the put of "moving\d+" in the log of node-1 at \d+ is a client’s, and this log did not own the key/,
  ],
  [
    'a copy came to a log that owned the key',
    (story) => {
      const { tag, recordedAt } = story.marks.second
      story.append(1, { key: moving, value: '1-1', earlier: { tag, modifiedAt: recordedAt } })
    },
    /came from another log, and this one owned the key/,
  ],
  [
    'a slot has two owners',
    ({ marks, ...story }) => remove(story, marks.give),
    /node-1 \(from version 1, its entry 1, until version 3\) and node-2 \(.*\) own the same slots at once/,
  ],
  [
    'a read after the flip shows what had been overwritten before it',
    (story) => story.op(3, 'get', { value: '1-1', tag: story.marks.second.tag }),
    /client 3's read of 1-1 .* is stale/,
  ],
  [
    'the same, by the clients alone',
    (story) => story.op(3, 'get', { value: '1-1', tag: story.marks.second.tag }),
    /key moving\d+ is not linearizable/,
  ],
  [
    'a deleted key is back',
    (story) => {
      story.op(1, 'delete', { key: staying })
      story.append(1, { key: staying })
      story.op(3, 'get', { key: staying, value: '2-0', tag: story.entries[1][1]?.tag ?? '' })
    },
    /client 3's read of 2-0 .* is stale/,
  ],
  [
    'a refused write is there',
    (story) => story.put(3, 1, staying, '3-0', { outcome: 'failed', status: 503 }),
    /should not be there: client 3's put of 3-0/,
  ],
  [
    'a write landed although its condition did not hold',
    (story) => {
      story.append(1, { key: moving, value: '3-0' })
      story.op(3, 'put', { value: '3-0', condition: 'absent', outcome: 'unknown', status: 0 })
    },
    /client 3's put of 3-0 .* landed under a condition, and the key had 1-2 then/,
  ],
  [
    'a write under an old tag was acknowledged',
    (story) => story.put(3, 1, moving, '3-0', { condition: 2, ifMatch: story.marks.first.tag }),
    /client 3's put of 3-0 .* landed under a condition, and the key had 1-2 then/,
  ],
  [
    'a refusal tells of what the key had long before',
    (story) => {
      const { tag } = story.marks.first
      story.op(3, 'put', { value: '3-0', condition: 'absent', status: 412, outcome: 'failed', tag })
    },
    /is not linearizable/,
  ],
  [
    'a repetition has another answer',
    (story) => {
      const [first] = story.repetitions
      if (first) story.repetitions.push({ ...first, tag: 'bbbb0002-9-00000001' })
    },
    /client 1's put of 1-1 .* was repeated at node-2, and got 201 bbbb0002-9-00000001 instead of 201 aaaa0001/,
  ],
  [
    'a write that was spooled is nowhere',
    (story) => story.op(3, 'put', { key: staying, value: '3-0', status: 202 }),
    /client 3's put of 3-0 .* was spooled, and no log has it/,
  ],
  [
    'a write was superseded that was not spooled',
    (story) => change(story, story.entries[1].at(-1) ?? story.marks.take, { superseded: true }),
    /1-2 is superseded in a log, and was not answered 202/,
  ],
  [
    'an answer has a tag that no log has',
    (story) => story.op(3, 'get', { key: staying, value: '2-0', tag: 'bbbb0002-77-00000001' }),
    /has the ETag bbbb0002-77-00000001, which no log has/,
  ],
  [
    'an answer has no tag',
    (story) => story.op(3, 'get', { key: staying, value: '2-0' }),
    /client 3's read of 2-0 .* has no ETag/,
  ],
  [
    'a change is under way in the end',
    (story) => story.bind(1, { version: 4, next: new Map([[1, '10.0.0.1:5000']]) }, [{ from: 0, through: 9_999 }]),
    /node-2 has a change under way in the end/,
  ],
  [
    'a log goes back to an earlier version',
    (story) => story.bind(1, { version: 2 }, [{ from: 0, through: 9_999 }]),
    /node-2 goes back from version 3 to 2/,
  ],
  [
    'a node shows another value in the end',
    (story) => Object.assign(story.views[0]?.values ?? {}, { [moving]: '1-1' }),
    /view 1 has 1-1, the log says 1-2 \(entry \d+ of node-2\)/,
  ],
  [
    'a node lists what is another’s',
    (story) => Object.assign(story.views[0] ?? {}, { own: [moving] }),
    /node-1 lists moving\d+, which is not its own/,
  ],
  [
    'a node lists what was deleted',
    (story) => Object.assign(story.views[1] ?? {}, { own: [moving, counter, staying, ended] }),
    /node-2 lists ended\d+, which the logs do not have/,
  ],
  [
    'a node does not list what is its own',
    (story) => Object.assign(story.views[1] ?? {}, { own: [moving, counter] }),
    /node-2 does not list staying\d+, which is its own/,
  ],
]

test.each(wrong)('it is found that %s', (_, plant, sentence) => {
  const story = rightStory()
  plant(story)
  expect(judgeRing(story).violations).toContainEqual(expect.stringMatching(sentence))
})

test('what is lost is counted: a write in no log, an addition, and one that was spooled', () => {
  const story = rightStory()
  story.op(1, 'put', { key: staying, value: '1-9', tag: 'bbbb0002-99-00000001' })
  story.op(3, 'put', { key: staying, value: '3-0', status: 202 })
  story.additions.push({ ...(story.additions[0] as (typeof story.additions)[0]), tag: 'bbbb0002-98-00000001' })
  expect(judgeRing(story).lost).toBe(3)
})

const right: readonly (readonly [what: string, plant: Plant])[] = [
  [
    'a spooled write of a key that moved, and was written by others since, may be superseded',
    (story) => {
      story.op(3, 'put', { value: '3-0', status: 202 })
      story.op(3, 'get', { value: '3-0', isSpooled: true })
      story.put(1, 1, moving, '1-9', {})
      for (const { values } of story.views) Object.assign(values, { [moving]: '1-9' })
    },
  ],
  [
    'a spooled write may take effect after what was answered later',
    (story) => {
      story.op(3, 'put', { key: staying, value: '3-0', status: 202 })
      story.op(2, 'get', { key: staying, value: '2-0', tag: story.entries[1][1]?.tag ?? '' })
      story.append(1, { key: staying, value: '3-0' })
      for (const { values } of story.views) Object.assign(values, { [staying]: '3-0' })
    },
  ],
  [
    'a write without an answer may be there, or not',
    (story) => {
      story.op(3, 'put', { key: staying, value: '3-0', outcome: 'unknown', status: 0 })
      story.op(3, 'put', { key: staying, value: '3-1', outcome: 'unknown', status: 0 })
      story.append(1, { key: staying, value: '3-0' })
      for (const { values } of story.views) Object.assign(values, { [staying]: '3-0' })
    },
  ],
  [
    'a copy that has ended may be recorded as ended by a log that does not own it',
    (story) => story.append(0, { key: moving, deadline: 5_000 }),
  ],
  [
    'and whoever is about to take the key may have that from there',
    ({ append, marks }) => {
      const { tag, recordedAt } = append(0, { key: ended, deadline: 5_000 })
      append(1, { key: ended, sequence: marks.take.sequence - 0.5, earlier: { tag, modifiedAt: recordedAt } })
    },
  ],
  [
    'a key may have been there when it was listed, and have ended before the logs were read',
    (story) => {
      const { op, append, views } = story
      const put = append(1, { key: ended, value: '3-0', deadline: 5_000 })
      op(3, 'put', { key: ended, value: '3-0', tag: put.tag, ttl: 5_000 })
      append(1, { key: ended, deadline: 5_000, recordedAt: 5_001 })
      Object.assign(views[1] ?? {}, { own: [moving, counter, staying, ended] })
    },
  ],
  [
    'a repetition that was not answered says nothing',
    (story) => {
      const [first] = story.repetitions
      if (first) story.repetitions.push({ ...first, status: 503, tag: undefined })
    },
  ],
]

test.each(right)('%s', (_, plant) => {
  const story = rightStory()
  plant(story)
  expect(judgeRing(story).violations).toEqual([])
})
