import { KvsError, NotOwner } from '../core/errors.ts'
import { explain, type Target } from '../forward/index.ts'
import { type PassedOnWrite, spooledPath } from '../kv/index.ts'
import type { TakesSpooled } from './passing-on.ts'

/** How long a member may take to do a write, in milliseconds. */
const answerMs = 5_000
/** What is read of an answer's text for people, in characters. */
const mostText = 300

/**
 * Passes on spooled writes over HTTP.
 * @param token to show there; undefined for none
 */
export function makeHttpSpooled({ dispatcher, name, servername }: Target, token: string | undefined): TakesSpooled {
  return async (passedOn, version) => {
    const headers = {
      ...{ host: name, accept: 'application/json', 'content-type': 'application/json' },
      ...(version !== '' && { 'kvs-ring': version }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    }
    const request = {
      ...{ method: 'POST', path: spooledPath, headers, body: JSON.stringify(passedOnJson(passedOn)), servername },
      ...{ headersTimeout: answerMs, bodyTimeout: answerMs },
    } as Parameters<typeof dispatcher.request>[0]
    const answer = await dispatcher.request(request).catch((error) => {
      throw unanswered(name, error)
    })
    const text = await answer.body.text().catch((error) => {
      throw unanswered(name, error)
    })
    if (answer.statusCode === 200) return
    const { code, detail } = problemIn(text)
    if (code === 'not_owner') throw new NotOwner(String(answer.headers['kvs-ring'] ?? ''))
    throw new KvsError('cannot_forward', `${name} answers ${answer.statusCode}: ${(detail ?? text).slice(0, mostText)}`)
  }
}

/** What is posted to `spooledPath`. */
export function passedOnJson({ write, idempotencyKey, seen }: PassedOnWrite): object {
  const isPut = write.kind === 'put'
  return {
    ...{ idempotency_key: idempotencyKey, key: write.key, kind: write.kind },
    value: isPut ? write.value.toString('base64') : null,
    content_type: isPut ? (write.contentType ?? null) : null,
    deadline: isPut ? (write.deadline ?? null) : null,
    seen: seen === undefined ? null : { tag: seen.tag, deadline: seen.deadline ?? null },
  }
}

function unanswered(name: string, error: unknown): KvsError {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
  const isLate = code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT'
  const reason = error instanceof Error && !isLate ? explain(error, name, 'KVS_PEER_CA') : 'it gives no answer in time'
  return new KvsError('cannot_forward', `${name}: ${reason}`, { cause: error })
}

function problemIn(text: string): { readonly code?: unknown; readonly detail?: string } {
  try {
    const { code, detail } = Object(JSON.parse(text))
    return { code, ...(typeof detail === 'string' && { detail }) }
  } catch {
    return {}
  }
}
