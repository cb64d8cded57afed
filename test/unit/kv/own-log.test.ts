import { expect, test } from 'vitest'
import { mergePositions, positionAt } from '../../../kvs/core/position.ts'
import { requireKnownLogs } from '../../../kvs/kv/own-log.ts'

const seen = positionAt('a', 3n)

test('a position of the own log is taken, however far it is', () => {
  expect(() => requireKnownLogs(positionAt('a', 9n), 'a', seen)).not.toThrow()
})

test('a position of a log of which the node has nothing is none', () => {
  const asked = mergePositions(positionAt('a', 1n), positionAt('b', 0n))
  expect(() => requireKnownLogs(asked, 'a', seen)).toThrow('KVS-Min-Position names the log b; this node’s log is a')
  expect(() => requireKnownLogs(asked, 'a', mergePositions(seen, positionAt('b', 1n)))).not.toThrow()
})

test('before the log is known every position is taken', () => {
  expect(() => requireKnownLogs(positionAt('b', 1n), undefined, seen)).not.toThrow()
})
