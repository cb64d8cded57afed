import { catalogue, type ErrorCode, KvsError, NotAdmitted, NotOwner } from '../../../../core/errors.ts'
import { withoutCount } from '../../error-headers.ts'
import type { PartReply } from '../../routing.ts'

/** More of an error's text is not read. */
const maxErrorBytes = 64 * 1024

/** The error that a member has answered with, for the client: with its own code and sentence, and the member's name. */
export async function failureOf(address: string, { status, headers, body }: PartReply): Promise<KvsError> {
  const { code, detail } = problemIn(await textOf(body, maxErrorBytes))
  const sentence = `the member ${address} answers: ${detail ?? `status ${status}`}`
  if (!isCode(code)) return new KvsError('cannot_forward', sentence)
  if (code === 'not_owner') return new NotOwner(headers.get('kvs-ring') ?? '', sentence)
  if (code === 'unauthorized' || code === 'forbidden') return new NotAdmitted(code, sentence)
  return new KvsError(code, sentence)
}

/** What a member answers is nothing that a member does. */
export function strangeAnswer(address: string, what: string): KvsError {
  return new KvsError('cannot_forward', `the member ${address} does not answer as a member of the ring does: ${what}`)
}

/** The answer of a member broke off. */
export function brokeOff(address: string, cause?: unknown): KvsError {
  return new KvsError('cannot_forward', `the answer of the member ${address} broke off`, { cause })
}

/** The first bytes of a body as text. The rest is let go of. Rejects as the body does. */
export async function textOf(body: AsyncIterable<Buffer>, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of body) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes >= maxBytes) break
  }
  return Buffer.concat(chunks).subarray(0, maxBytes).toString()
}

function problemIn(text: string): { code: string | undefined; detail: string | undefined } {
  try {
    const { code, detail } = JSON.parse(text)
    return { code: asText(code), detail: withoutCount(asText(detail) ?? '') || undefined }
  } catch {
    return { code: undefined, detail: undefined }
  }
}

const asText = (value: unknown) => (typeof value === 'string' ? value : undefined)

function isCode(code: string | undefined): code is ErrorCode {
  return code !== undefined && Object.hasOwn(catalogue, code)
}
