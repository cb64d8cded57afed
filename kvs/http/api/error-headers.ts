import { ConditionFailed, KvsError, NotAdmitted, NotOwner } from '../../core/errors.ts'

/** KVS-Position; none where the position is empty. */
export function positionHeader(position: string): string[] {
  return position === '' ? [] : ['KVS-Position', position]
}

/** Headers that go with one kind of error. */
export function headersOf(error: KvsError): string[] {
  if (error instanceof NotAdmitted) return ['WWW-Authenticate', error.challenge]
  if (error instanceof MethodNotAllowed) return ['Allow', error.allowed.join(', ')]
  if (error instanceof ClearBrokeOff) return ['KVS-Deleted', String(error.deleted)]
  if (error instanceof ConditionFailed && error.tag !== undefined) return ['ETag', `"${error.tag}"`]
  if (error instanceof NotOwner) return ['KVS-Ring', error.ring]
  // RFC 9110, 12.5.3
  if (error.code === 'unsupported_encoding') return ['Accept-Encoding', 'identity']
  return []
}

/** The path does not take this method. */
export class MethodNotAllowed extends KvsError {
  readonly allowed: readonly string[]

  constructor(allowed: readonly string[]) {
    super('method_not_allowed', sentenceOn(allowed))
    this.allowed = allowed
  }
}

function sentenceOn(allowed: readonly string[]): string {
  if (allowed.length === 0) return 'no method is allowed here: a key is missing'
  const named = [allowed.slice(0, -1).join(', '), ...allowed.slice(-1)].join(' and ')
  const ofCollection = allowed.includes('DELETE') ? '; a key that ends in a colon is written %3A' : ''
  const hint = allowed.includes('PUT') ? '; a value is stored with PUT' : ofCollection
  return `this method is not allowed here: ${named} are${hint}`
}

/** A clear has deleted some of its keys, and an error has ended it. */
export class ClearBrokeOff extends KvsError {
  /** How many keys are known to be deleted. */
  readonly deleted: number

  constructor(cause: KvsError, deleted: number) {
    const reason = cause.message.replace(/; nothing was \w+$/, '')
    super(cause.code, `the clear broke off after ${deleted} keys, and can be repeated: ${reason}`, { cause })
    this.deleted = deleted
  }
}

/** The sentence of a `ClearBrokeOff` without the number of keys: what has ended the clear. Others stay as they are. */
export function withoutCount(message: string): string {
  return message.replace(/^the clear broke off after \d+ keys, and can be repeated: /, '')
}
