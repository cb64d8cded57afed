import type { SeenValue } from '../../../core/entry.ts'
import { KvsError } from '../../../core/errors.ts'
import { maxDeadline } from '../../../core/limits.ts'
import type { PassedOnWrite } from '../../../kv/index.ts'
import { requireNameable } from '../key-decoding.ts'
import { JsonNumber, parseStrictly, typeName } from '../transactions/strict-json.ts'
import { requireMembers } from './ring-body.ts'

const bounds = { what: 'the body', maxNames: 16, maxParts: 16 }

/**
 * Reads a write that is passed on: `{"idempotency_key":TEXT,"key":TEXT,"kind":"put","value":BASE64,
 * "content_type":TEXT|null,"deadline":MILLISECONDS|null,"seen":{"tag":TEXT,"deadline":MILLISECONDS|null}|null}`. A
 * delete has neither value, nor content type, nor deadline: each is null.
 * @throws KvsError bad_request, bad_key
 */
export function passedOnIn(body: Buffer): PassedOnWrite {
  const names = ['idempotency_key', 'key', 'kind', 'value', 'content_type', 'deadline', 'seen'] as const
  const parts = requireMembers(parseStrictly(body, bounds), 'the body', names)
  const key = textOf(parts.key, 'key')
  requireNameable(key)
  const idempotencyKey = textOf(parts.idempotency_key, 'idempotency_key')
  const seen = seenOf(parts.seen)
  if (parts.kind === 'delete') return { write: { kind: 'delete', key }, idempotencyKey, seen }
  if (parts.kind !== 'put') throw bad('kind is to be put or delete')
  const value = Buffer.from(textOf(parts.value, 'value'), 'base64')
  const contentType = parts.content_type === null ? undefined : textOf(parts.content_type, 'content_type')
  const deadline = deadlineOf(parts.deadline, 'deadline')
  return { write: { kind: 'put', key, value, contentType, deadline }, idempotencyKey, seen }
}

function seenOf(value: unknown): SeenValue | undefined {
  if (value === null) return undefined
  const { tag, deadline } = requireMembers(value, 'seen', ['tag', 'deadline'])
  return { tag: textOf(tag, 'seen.tag'), deadline: deadlineOf(deadline, 'seen.deadline') }
}

function textOf(value: unknown, place: string): string {
  if (typeof value === 'string') return value
  throw bad(`${place} is ${typeName(value)}, and is to be a text`)
}

function deadlineOf(value: unknown, place: string): number | undefined {
  if (value === null) return undefined
  const deadline = value instanceof JsonNumber && /^\d{1,16}$/.test(value.text) ? Number(value.text) : undefined
  if (deadline !== undefined && deadline <= maxDeadline) return deadline
  throw bad(`${place} is to be a number of milliseconds since 1970, or null`)
}

const bad = (message: string) => new KvsError('bad_request', `${message}; nothing was stored`)
