import { KvsError } from '../../../core/errors.ts'
import { formatPosition, nowhere, type Position, parsePosition } from '../../../core/position.ts'

/** Texts that clients send where they have no payload yet: of Python, of JSON, of a shell. */
const nothing: ReadonlySet<string> = new Set(['', '{}', '""', "''", 'null'])

const payloadShape = /^[A-Za-z0-9_.:,-]+$/

/**
 * Writes a position as a payload: one word that forms, JSON and shells leave as it is. A client hands it back as it
 * came. Empty for `nowhere`.
 */
export function writePayload(position: Position): string {
  return formatPosition(position).replaceAll('=', ':')
}

/**
 * Reads a payload as clients send it: as it came, quoted as JSON, or none at all.
 * @throws KvsError bad_request
 */
export function readPayload(sent = ''): Position {
  const text = sent.trim()
  if (nothing.has(text)) return nowhere
  const word = unquoted(text).trim()
  if (nothing.has(word)) return nowhere
  const position = payloadShape.test(word) ? parsePosition(word.replaceAll(':', '=')) : undefined
  if (position !== undefined) return position
  throw new KvsError(
    'bad_request',
    'the payload is none that this service gave: send the last one that you got as it came, or leave it empty; ' +
      'nothing was done',
  )
}

/** The text in a JSON string; any other text as it is. */
function unquoted(text: string): string {
  if (!text.startsWith('"')) return text
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === 'string' ? parsed : text
  } catch {
    return text
  }
}
