import type { Operation } from '../history.ts'

/** Returns a name or value, in quotes unless it is a plain word. */
export function quoted(text: string): string {
  return /^[\w.:/-]+$/.test(text) ? text : JSON.stringify(text)
}

/** Words for a key's value or its absence. */
export function named(value: string | null | undefined): string {
  return value === null || value === undefined ? 'nothing' : quoted(value)
}

/** Describes an operation: client, request, times in seconds, answer. The sentence around it names the key. */
export function describe({ client, kind, value, invoked, returned, outcome, status }: Operation): string {
  const what = { put: `put of ${named(value)}`, delete: 'delete', get: `read of ${named(value)}` }[kind]
  const answer = status === 0 ? 'no answer' : `${outcome === 'ok' ? '' : `${outcome} `}${status}`
  return `client ${client}'s ${what} (${seconds(invoked)} to ${seconds(returned)} s, ${answer})`
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(3)
}
