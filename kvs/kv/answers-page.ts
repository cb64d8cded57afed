import type { LogPoint } from '../core/entry.ts'
import type { MovedAnswer, MovedAnswersPage } from '../core/moved-answer.ts'
import { isLogId } from '../core/position.ts'
import { slotCount } from '../core/ring/key-slot.ts'

/** A value that is no page of answers. Its message goes on after "the page". */
export class BadAnswersPage extends Error {
  override readonly name = 'BadAnswersPage'
}

/**
 * What is sent as JSON: `{"answers":[…],"through":"12","last":true}`, with sequences and numbers as text, the hash of
 * the request in base64, and the digest of the entry in hexadecimal digits.
 */
export function answersPageJson({ answers, through, isLast }: MovedAnswersPage): object {
  return { answers: answers.map(answerJson), through: String(through), last: isLast }
}

function answerJson({ key, request, slot, logId, entry, currentTag, note }: MovedAnswer): object {
  const point = entry && { sequence: String(entry.sequence), digest: entry.digest.toString('hex') }
  return {
    ...{ key, request: request.toString('base64'), slot, log: logId },
    ...{ entry: point ?? null, current: currentTag ?? null, note: note ?? null },
  }
}

/**
 * Reads what `answersPageJson` has made.
 * @param value as `JSON.parse` returns it
 * @throws BadAnswersPage for anything else
 */
export function answersPageIn(value: unknown): MovedAnswersPage {
  const { answers, through, last } = recordIn(value, 'is no object')
  if (!Array.isArray(answers)) throw new BadAnswersPage('has no list of answers')
  if (!isNumber(through)) throw new BadAnswersPage('does not say how far it goes')
  if (typeof last !== 'boolean') throw new BadAnswersPage('does not say whether more come')
  return { answers: answers.map(answerIn), through: BigInt(through), isLast: last }
}

function answerIn(value: unknown, index: number): MovedAnswer {
  const bad = (what: string) => new BadAnswersPage(`has in answers[${index}] no ${what}`)
  const { key, request, slot, log, entry, current, note } = recordIn(value, `has in answers[${index}] no object`)
  if (!isText(key) || key === '') throw bad('idempotency key')
  if (typeof request !== 'string' || !/^[0-9a-z+/]+={0,2}$/i.test(request)) throw bad('hash of a request')
  if (!Number.isInteger(slot) || (slot as number) < 0 || (slot as number) >= slotCount) throw bad('slot')
  if (typeof log !== 'string' || !isLogId(log)) throw bad('id of a log')
  if (current !== null && (!isText(current) || !/^[!#-~]{1,200}$/.test(current))) throw bad('tag of a value')
  if (note !== null && !isText(note)) throw bad('note')
  const point = entry === null ? undefined : pointIn(entry)
  if (entry !== null && point === undefined) throw bad('entry')
  return {
    ...{ key, request: Buffer.from(request, 'base64'), slot: slot as number, logId: log, entry: point },
    ...{ currentTag: current ?? undefined, note: note ?? undefined },
  }
}

function pointIn(value: unknown): LogPoint | undefined {
  const { sequence, digest } = recordIn(value, 'has an entry that is no object')
  if (!isNumber(sequence) || typeof digest !== 'string' || !/^([0-9a-f]{2}){0,32}$/.test(digest)) return undefined
  return { sequence: BigInt(sequence), digest: Buffer.from(digest, 'hex') }
}

/** Digits of a number that Postgres takes as a bigint. */
function isNumber(value: unknown): value is string {
  return typeof value === 'string' && /^\d{1,18}$/.test(value)
}

/** A text that Postgres takes. */
function isText(value: unknown): value is string {
  return typeof value === 'string' && value.isWellFormed() && !value.includes('\0')
}

function recordIn(value: unknown, flaw: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new BadAnswersPage(flaw)
  return value as Readonly<Record<string, unknown>>
}
