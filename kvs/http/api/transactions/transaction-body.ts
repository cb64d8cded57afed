import { parseInteger } from '../../../core/counter.ts'
import { KvsError } from '../../../core/errors.ts'
import { transactionLimits } from '../../../core/limits.ts'
import type { Precondition } from '../../../core/precondition.ts'
import { type Condition, isCount, type Operation, type Transaction } from '../../../core/transaction.ts'
import { requireNameable } from '../key-decoding.ts'
import type { Lifetime } from '../lifetime-headers.ts'
import { bad, JsonNumber, type Members, parseStrictly, quoted, typeName } from './strict-json.ts'
import { contentTypeIn, lifetimeIn, valueIn } from './transaction-values.ts'

/** Bounds of a transaction's body in bytes. In JSON, a value of arbitrary bytes takes four thirds of its length. */
export const maxTransactionBody = 8 * 1024 * 1024

/** A transaction as its body asks for it. */
export interface AskedBody extends Transaction {
  /** For each operation when its key is to end by itself; undefined for never, and for all but puts. */
  readonly lifetimes: readonly (Lifetime | undefined)[]
}

/** Members of each operation beside its key, which is in the member with the operation's name. */
const membersOf = {
  put: ['value', 'base64', 'contentType', 'ttl', 'expires'],
  delete: [],
  add: ['by'],
  min: ['by'],
  max: ['by'],
} as const satisfies Record<Operation['kind'], readonly string[]>

const kinds = Object.keys(membersOf) as readonly Operation['kind'][]

/**
 * Decodes the body of a `POST /v1/:`. Each error says where in the body it is.
 * @param maxValueBytes largest size of one value
 * @throws KvsError bad_request, bad_key, value_too_large, transaction_too_large
 */
export function transactionIn(body: Buffer, maxValueBytes: number): AskedBody {
  const root = objectIn(parseStrictly(body), 'the body')
  requireKnown(root, 'the body', ['if', 'do'])
  const conditions = arrayIn(root, 'if', 'conditions').map((value, index) => conditionIn(value, `if[${index}]`))
  const asked = arrayIn(root, 'do', 'operations').map((value, index) =>
    operationIn(value, `do[${index}]`, maxValueBytes),
  )
  const operations = asked.map(({ operation }) => operation)
  if (operations.length === 0) throw bad('do', 'needs at least one operation, such as {"put":"KEY","value":"TEXT"}')
  const bytes = operations.reduce((sum, operation) => sum + valueBytesOf(operation), 0)
  if (bytes > transactionLimits.bytes) throw tooLarge(`values of ${bytes} bytes`, `${transactionLimits.bytes} bytes`)
  return { conditions, operations, lifetimes: asked.map(({ lifetime }) => lifetime) }
}

function valueBytesOf(operation: Operation): number {
  return !isCount(operation) && operation.kind === 'put' ? operation.value.length : 0
}

function objectIn(value: unknown, place: string): Members {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  if (isObject && !(value instanceof JsonNumber)) return value as Members
  throw bad(place, `is to be an object, and is ${typeName(value)}`)
}

function arrayIn(root: Members, name: 'if' | 'do', what: 'conditions' | 'operations'): readonly unknown[] {
  const value = root[name] ?? []
  if (!Array.isArray(value) || root[name] === null) throw bad(name, `is to be an array, and is ${typeName(root[name])}`)
  const most = transactionLimits[what]
  if (value.length > most) throw tooLarge(`${value.length} ${what}`, String(most))
  return value
}

function requireKnown(members: Members, place: string, known: readonly string[]): void {
  for (const name of Object.keys(members)) {
    if (known.includes(name)) continue
    const others = known.length > 0 ? `known are ${known.join(', ')}` : 'it takes none'
    throw bad(place, `has the unknown member ${quoted(name)}: ${others}`)
  }
}

function conditionIn(value: unknown, place: string): Condition {
  const members = objectIn(value, place)
  requireKnown(members, place, ['key', 'etag'])
  return { key: keyIn(members, 'key', place), precondition: preconditionIn(members, place) }
}

function preconditionIn({ etag }: Members, place: string): Precondition {
  if (etag === null) return { ifNoneMatch: '*' }
  if (etag === '*') return { ifMatch: '*' }
  if (typeof etag === 'string' && /^"[^"]*"$/.test(etag)) return { ifMatch: [etag.slice(1, -1)] }
  throw bad(
    `${place}.etag`,
    'is to be an ETag with its quotes, like "\\"c18e0369-12-9f86d081\\"", "*" for any value, or null for none',
  )
}

/** An operation, and when the key of a put is to end by itself. */
interface AskedOperation {
  readonly operation: Operation
  readonly lifetime?: Lifetime | undefined
}

function operationIn(value: unknown, place: string, maxValueBytes: number): AskedOperation {
  const members = objectIn(value, place)
  const named = kinds.filter((kind) => Object.hasOwn(members, kind))
  const [kind] = named
  if (kind === undefined || named.length > 1) {
    throw bad(place, `is to have one of ${kinds.join(', ')}, and has ${named.join(' and ') || 'none of them'}`)
  }
  const known: readonly string[] = membersOf[kind]
  requireKnown(members, place, [kind, ...known])
  const key = keyIn(members, kind, place)
  if (kind === 'delete') return { operation: { kind, key } }
  if (kind !== 'put') return { operation: { kind, key, by: numberIn(members, place) } }
  const contentType = contentTypeIn(members, place)
  const operation = { kind, key, value: valueIn(members, place, maxValueBytes), contentType }
  return { operation, lifetime: lifetimeIn(members, place) }
}

/** Any key that the path of a request can name. */
function keyIn(members: Members, name: string, place: string): string {
  const key = members[name]
  if (typeof key !== 'string') throw bad(`${place}.${name}`, `is to be a key as text, and is ${typeName(key)}`)
  try {
    requireNameable(key)
    return key
  } catch (error) {
    throw error instanceof KvsError ? new KvsError(error.code, `${place}.${name}: ${error.message}`) : error
  }
}

/** A number that JSON's readers may round is a text. */
function numberIn({ by }: Members, place: string): bigint {
  const number = by instanceof JsonNumber ? safeInteger(by.text) : typeof by === 'string' ? parseInteger(by) : undefined
  if (number !== undefined) return number
  throw bad(
    `${place}.by`,
    `is to be an integer, as text where it is beyond 2^53, from -2^63 through 2^63 - 1; it is ${shown(by)}`,
  )
}

/** Some write integers as `5.0`. */
function safeInteger(text: string): bigint | undefined {
  const number = parseInteger(text.replace(/\.0+$/, ''))
  return Number.isSafeInteger(Number(number)) ? number : undefined
}

function shown(value: unknown): string {
  if (value instanceof JsonNumber && value.text.length <= 40) return value.text
  return typeof value === 'string' ? quoted(value) : typeName(value)
}

function tooLarge(has: string, most: string): KvsError {
  return new KvsError('transaction_too_large', `the transaction has ${has}; at most ${most} are allowed`)
}
