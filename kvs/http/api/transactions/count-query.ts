import { type Count, parseInteger } from '../../../core/counter.ts'
import { KvsError } from '../../../core/errors.ts'

const kinds = ['add', 'min', 'max'] as const satisfies readonly Count['kind'][]

/**
 * The count that a `POST /v1/KEY` asks for by its query.
 * @throws KvsError bad_request
 */
export function countIn(query: string, key: string): Count {
  const [, name, text = ''] = /^([^=&]*)=?([^&]*)$/.exec(query) ?? []
  const kind = kinds.find((known) => known === name)
  if (kind === undefined) {
    throw bad(`a POST to a key takes one of ?add=N, ?min=N and ?max=N, and has "?${query}"; a value is stored with PUT`)
  }
  const by = parseInteger(text)
  if (by !== undefined) return { kind, key, by }
  throw bad(`?${kind} takes an integer in decimal digits, from -2^63 through 2^63 - 1, as in ?${kind}=1`)
}

function bad(sentence: string): KvsError {
  return new KvsError('bad_request', `${sentence}; nothing was stored`)
}
