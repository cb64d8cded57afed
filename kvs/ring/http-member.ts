import { formatPosition, type Position } from '../core/position.ts'
import type { Ring } from '../core/ring/description.ts'
import { positionsJson, ringJson } from '../core/ring/ring-text.ts'
import { formatRanges } from '../core/ring/slot-ranges.ts'
import type { Target } from '../forward/index.ts'
import {
  type AskedAnswers,
  type AskedChanges,
  type AskedKeys,
  type AskedRingChange,
  changePath,
  givePath,
  movedAnswersPath,
  movedChangesPath,
  movedKeysPath,
  movedPageType,
  ringPath,
  takePath,
} from '../kv/index.ts'
import { answersIn } from './asked-answers.ts'
import { changesIn, keysIn } from './asked-page.ts'
import { givenIn, progressIn, stateIn } from './member-answers.ts'
import { type MemberTimes, makeMemberAsk, memberTimes } from './member-ask.ts'
import type { MemberClient } from './member-client.ts'

/** What is read of an answer, in bytes. */
const mostText = 4 * 1024 * 1024
/**
 * The same of a page of keys. A page has about 1 MiB of values, but for one whose only value is larger, and no value
 * comes near to this.
 */
const mostPage = 1024 * 1024 * 1024

/**
 * Asks another member over HTTP.
 * @param token to show there; undefined for none
 */
export function makeHttpMember(
  target: Target,
  token: string | undefined,
  { stateMs, answerMs, pageMs, changeMs }: MemberTimes = memberTimes,
): MemberClient {
  const { name } = target
  const ask = makeMemberAsk(target, token)

  const post = (path: string, body: object, timeoutMs = answerMs) =>
    ask({ method: 'POST', path, body, most: mostText, timeoutMs })
  const page = (path: string, body: object) =>
    ask({ method: 'POST', path, body, type: movedPageType, most: mostPage, timeoutMs: pageMs })

  return {
    async state() {
      return stateIn(name, await ask({ method: 'GET', path: ringPath, most: mostText, timeoutMs: stateMs }))
    },
    async learn(ring) {
      const body = ringJson(ring)
      stateIn(name, await ask({ method: 'PUT', path: ringPath, body, most: mostText, timeoutMs: answerMs }))
    },
    async give(ring, check) {
      return givenIn(name, await post(givePath, { ring: ringJson(ring), check }), check)
    },
    async take(ring, gives) {
      return progressIn(name, await post(takePath, takeJson(ring, gives)))
    },
    async movedKeys(asked) {
      return keysIn(name, asked, await page(movedKeysPath, { ...partJson(asked), after: asked.after ?? null }))
    },
    async movedChanges(asked) {
      const after = formatPosition(asked.after)
      return changesIn(name, asked, await page(movedChangesPath, { ...partJson(asked), after }))
    },
    async movedAnswers(asked) {
      const after = String(asked.after)
      return answersIn(name, asked, await post(movedAnswersPath, { ...partJson(asked), after }))
    },
    async change(asked) {
      stateIn(name, await post(changePath, changeJson(asked), changeMs))
    },
  }
}

/** What is posted to `takePath`. */
function takeJson(ring: Ring, gives: ReadonlyMap<string, Position> | undefined): object {
  if (gives === undefined) return { ring: ringJson(ring), gives: null }
  const texts = [...gives].map(([address, position]) => [address, formatPosition(position)])
  return { ring: ringJson(ring), gives: Object.fromEntries(texts) }
}

function partJson({ ringId, version, slots }: AskedKeys | AskedChanges | AskedAnswers): object {
  return { id: ringId, version, slots: formatRanges(slots) }
}

/** What is posted to `changePath`. */
function changeJson({ asker, change }: AskedRingChange): object {
  if (change.kind === 'replace') return { asker, replace: positionsJson(change.positions) }
  if (change.kind === 'remove') return { asker, remove: change.address }
  if (change.kind === 'call off') return { asker, call_off: true }
  if (change.kind === 'remove lost') {
    return { asker, remove_lost: { addresses: change.addresses, confirm: change.confirmed ?? null } }
  }
  return { asker, add: { position: change.position, address: change.address } }
}
