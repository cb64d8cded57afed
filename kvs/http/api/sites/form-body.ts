import { isUtf8 } from 'node:buffer'
import { KvsError } from '../../../core/errors.ts'
import { freeBuffer, owned } from '../../../lib/buffers.ts'
import { firstHeaderOf, noteWait, type ReceiveBody, type Request } from '../../exchange/index.ts'
import { quoted } from '../transactions/strict-json.ts'

/** Largest form of a request that puts no value, in bytes. */
export const maxFormBytes = 64 * 1024

/** Largest form with a value of up to `maxValueBytes`: percent-encoding makes three bytes of one. */
export function maxValueFormBytes(maxValueBytes: number): number {
  return 3 * maxValueBytes + maxFormBytes
}

/** Most parameters of a request. Reading many thousands of them would keep all other requests waiting. */
const maxParts = 100

/** Parameters by name, each decoded and in memory of its own. */
export type Form = ReadonlyMap<string, Buffer>

/**
 * Receives the parameters of a request and hands them to `use`: those of its query and those of its body, which is a
 * form (application/x-www-form-urlencoded) whatever its Content-Type says. `takes` has the names that are known. The
 * body goes with them as it came, for whoever passes the request on.
 * Rejects as `ReceiveBody` does, and with `bad_request`.
 */
export type ReceiveForm = <Result>(
  request: Request,
  takes: readonly string[],
  use: (form: Form, body: Buffer) => Promise<Result>,
) => Promise<Result>

export function receivingForms(receiveBody: ReceiveBody): ReceiveForm {
  return async (request, takes, use) => {
    if (/^multipart\//i.test(firstHeaderOf(request, 'content-type') ?? '')) {
      throw bad('a multipart body is not taken: send the parameters as application/x-www-form-urlencoded')
    }
    noteWait(request, 'body')
    return receiveBody(request, (body) => {
      noteWait(request, undefined)
      return use(formIn([Buffer.from(request.query, 'latin1'), body], takes), body)
    })
  }
}

/**
 * Reads `NAME=VALUE&NAME=VALUE` from each of the texts. Empty parts count for nothing, so that `&&` may stand for `&`.
 * @throws KvsError bad_request where a name is not known, has two values, or something is not percent-encoded
 */
export function formIn(texts: readonly Buffer[], takes: readonly string[]): Form {
  const form = new Map<string, Buffer>()
  let parts = 0
  for (const part of partsOf(texts)) {
    if (++parts > maxParts) throw bad(`there are more than ${maxParts} parameters`)
    const at = part.indexOf('=')
    const name = decode(at < 0 ? part : part.subarray(0, at)).toString()
    if (!takes.includes(name)) throw bad(`there is no parameter ${quoted(name)} here: ${sentenceOn(takes)}`)
    const value = decode(at < 0 ? part.subarray(part.length) : part.subarray(at + 1))
    const known = form.get(name)
    if (known !== undefined && !known.equals(value)) throw bad(`${name} is there twice, with different values`)
    form.set(name, value)
  }
  return form
}

/**
 * A parameter as text; undefined where it is not there.
 * @throws KvsError bad_request where it is not UTF-8
 */
export function textIn(form: Form, name: string): string | undefined {
  const bytes = form.get(name)
  if (bytes === undefined || isUtf8(bytes)) return bytes?.toString()
  throw bad(`${name} is not percent-encoded UTF-8`)
}

const [ampersand, percent, plus, blank] = [...Buffer.from('&%+ ')] as [number, number, number, number]

function* partsOf(texts: readonly Buffer[]): Iterable<Buffer> {
  for (const text of texts) {
    for (let at = 0; at < text.length; at++) {
      if (text[at] === ampersand) continue
      const found = text.indexOf(ampersand, at)
      const end = found < 0 ? text.length : found
      yield text.subarray(at, end)
      at = end
    }
  }
}

/** Decodes percent-encoding into any bytes; a "+" is a blank (https://url.spec.whatwg.org, 5.1). */
function decode(part: Buffer): Buffer {
  const decoded = Buffer.allocUnsafeSlow(part.length)
  let length = 0
  for (let at = 0; at < part.length; at++) {
    const byte = part[at] as number
    if (byte === percent) {
      decoded[length++] = byteAt(part, at + 1)
      at += 2
    } else decoded[length++] = byte === plus ? blank : byte
  }
  // A stored value would keep the memory of its encoded form alive.
  const exact = owned(decoded, 0, length)
  if (exact !== decoded) freeBuffer(decoded)
  return exact
}

function byteAt(part: Buffer, at: number): number {
  const [high, low] = [digitOf(part[at]), digitOf(part[at + 1])]
  if (high >= 0 && low >= 0) return 16 * high + low
  throw bad('bad percent-encoding: "%" must be followed by two hexadecimal digits, and is itself written %25')
}

/** Value of a hexadecimal digit; -1 for any other byte. */
function digitOf(byte = 0): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

function sentenceOn(takes: readonly string[]): string {
  return takes.length === 0 ? 'none is taken' : `${takes.join(' and ')} ${takes.length === 1 ? 'is' : 'are'} taken`
}

function bad(message: string): KvsError {
  return new KvsError('bad_request', `${message}; nothing was done`)
}
