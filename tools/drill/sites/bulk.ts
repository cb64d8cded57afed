import type { SentOperation } from '../../sites-checker/operation.ts'
import { writeOutcome } from '../workload/request.ts'
import { makeValue } from '../workload/value.ts'

/** One put of a transaction of many. */
export interface BulkPut {
  readonly key: string
  /** Id of its value. */
  readonly value: string
}

type Told = Pick<SentOperation, 'outcome' | 'status' | 'error' | 'sequence' | 'given'>

interface Body {
  readonly code?: string
  readonly results?: readonly { readonly etag: string }[]
}

/** Puts all of these by one transaction. Resolves with what each of them was told, whatever became of it. */
export async function putTogether(url: string, puts: readonly BulkPut[], timeoutMs: number): Promise<Told[]> {
  const operations = puts.map(({ key, value }) => ({ put: key, base64: makeValue(value, 100).toString('base64') }))
  const body = JSON.stringify({ do: operations })
  try {
    const signal = AbortSignal.timeout(timeoutMs)
    const answer = await fetch(`${url}/v1/:`, { method: 'POST', body, headers: { Accept: 'application/json' }, signal })
    const { code = '', results = [] } = (await answer.json()) as Body
    const { status } = answer
    const outcome = writeOutcome(status, code)
    const given = answer.headers.get('kvs-position') ?? undefined
    return puts.map((_, index): Told => {
      if (outcome !== 'ok') return { outcome, status, error: code }
      return { outcome, status, sequence: Number(results[index]?.etag.split('-')[1]), ...(given && { given }) }
    })
  } catch (error) {
    const isRefused = (error as { cause?: { code?: unknown } }).cause?.code === 'ECONNREFUSED'
    return puts.map(() => ({
      ...{ outcome: isRefused ? 'failed' : 'unknown', status: 0, error: isRefused ? 'refused' : 'lost' },
    }))
  }
}
