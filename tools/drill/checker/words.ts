import type { Operation } from '../history.ts'

/** A name or value as it is, or quoted where it could be taken for more than itself. */
export function quoted(text: string): string {
  return /^[\w.:/-]+$/.test(text) ? text : JSON.stringify(text)
}

/** What a key holds, in a sentence. */
export function named(value: string | null | undefined): string {
  return value === null || value === undefined ? 'nothing' : quoted(value)
}

/** One operation in a sentence: who, what, when (in seconds) and what came back. The key is left to the sentence. */
export function describe({ client, kind, value, invoked, returned, outcome, status }: Operation): string {
  const what = { put: `put of ${named(value)}`, delete: 'delete', get: `read of ${named(value)}` }[kind]
  const answer = status === 0 ? 'no answer' : `${outcome === 'ok' ? '' : `${outcome} `}${status}`
  return `client ${client}'s ${what} (${seconds(invoked)} to ${seconds(returned)} s, ${answer})`
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(3)
}
