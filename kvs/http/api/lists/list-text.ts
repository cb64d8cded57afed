import { headerOf, type Request } from '../../exchange/index.ts'

/** How the items of a list, which are JSON texts, make up the text of a reply. */
export interface ListForm {
  readonly contentType: string
  readonly begin: string
  /** Between two items. */
  readonly separator: string
  /** After each item. */
  readonly terminator: string
  readonly end: string
}

export const jsonArray: ListForm = {
  contentType: 'application/json',
  begin: '[',
  separator: ',',
  terminator: '',
  end: ']\n',
}

const lines: ListForm = {
  contentType: 'application/x-ndjson',
  begin: '',
  separator: '',
  terminator: '\n',
  end: '',
}

/** Most bytes and most items of a chunk: making one takes about a millisecond, in which nothing else is done. */
export const maxChunkBytes = 64 * 1024
export const maxChunkItems = 1_000

/** One line for each item where the Accept header names NDJSON, and else a JSON array. */
export function formFor(request: Request): ListForm {
  const accept = headerOf(request, 'accept')
  const wantsLines = accept !== undefined && /\bapplication\/x-ndjson\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/i.test(accept)
  return wantsLines ? lines : jsonArray
}

/**
 * Makes the text of a list in chunks of at most `maxChunkBytes` and `maxChunkItems`, each when it is asked for. None of
 * them is empty.
 */
export function* chunksOf(items: Iterable<string>, form: ListForm): Generator<Buffer, undefined> {
  let text = form.begin
  let bytes = text.length
  let count = 0
  let isFirst = true
  for (const item of items) {
    const piece = `${isFirst ? '' : form.separator}${item}${form.terminator}`
    const pieceBytes = Buffer.byteLength(piece)
    if (bytes > 0 && (bytes + pieceBytes > maxChunkBytes || count === maxChunkItems)) {
      yield Buffer.from(text)
      ;[text, bytes, count] = ['', 0, 0]
    }
    if (pieceBytes > maxChunkBytes) {
      yield* slicesOf(Buffer.from(piece))
    } else {
      text += piece
      bytes += pieceBytes
      count++
    }
    isFirst = false
  }
  text += form.end
  if (text !== '') yield* slicesOf(Buffer.from(text))
}

function* slicesOf(bytes: Buffer): Generator<Buffer, undefined> {
  for (let at = 0; at < bytes.length; at += maxChunkBytes) yield bytes.subarray(at, at + maxChunkBytes)
}
