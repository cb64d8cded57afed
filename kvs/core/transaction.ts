import type { Count } from './counter.ts'
import { KvsError } from './errors.ts'
import type { Delete } from './operation/delete.ts'
import { weight } from './operation/operation.ts'
import type { Put } from './operation/put.ts'
import type { Precondition } from './precondition.ts'

/** What a transaction does to a key: a write, or arithmetic that becomes a put of the result. */
export type Operation = Put | Delete | Count

/** What must hold of a key before a transaction. */
export interface Condition {
  readonly key: string
  readonly precondition: Precondition
}

/** Operations that are done together or not at all, as long as the conditions hold of the state before them. */
export interface Transaction {
  readonly conditions: readonly Condition[]
  /** At least one, in order: each sees what those before it have done. */
  readonly operations: readonly Operation[]
}

export function isCount(operation: Operation): operation is Count {
  return operation.kind === 'add' || operation.kind === 'min' || operation.kind === 'max'
}

/** The weight of an operation in bytes, as that of a write. */
export function weightOf(operation: Operation): number {
  return isCount(operation) ? countWeight + 2 * operation.key.length : weight(operation)
}

/** The weight of a condition in bytes: of its key and its tags. */
export function weightOfCondition({ key, precondition: { ifMatch, ifNoneMatch } }: Condition): number {
  const tags = [ifMatch, ifNoneMatch].flatMap((wanted) => wanted ?? [])
  return tags.reduce((sum, tag) => sum + 2 * tag.length, conditionWeight + 2 * key.length)
}

const conditionWeight = 64

/** That of a put of a number. */
const countWeight = 64 + 20

/** A condition that did not hold. */
export interface FailedCondition {
  /** Place of the condition in its transaction, from 0. */
  readonly index: number
  readonly key: string
  /** Tag of the key's value; undefined where it had none. */
  readonly tag: string | undefined
}

/** Conditions of a transaction did not hold, and nothing was stored. */
export class ConditionsFailed extends KvsError {
  readonly failed: readonly FailedCondition[]

  constructor(failed: readonly FailedCondition[]) {
    super('condition_failed')
    this.failed = failed
  }
}

/** An operation of a transaction could not be done, and nothing was stored. */
export class OperationFailed extends KvsError {
  /** Place of the operation in its transaction, from 0. */
  readonly index: number

  constructor(index: number, { code, message }: KvsError) {
    super(code, message)
    this.index = index
  }
}
