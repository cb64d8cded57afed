import { test } from 'vitest'
import { compareWithMap } from './random-writes.ts'

test('any PUTs and DELETEs, with restarts in between, read back as a plain map would', { timeout: 600_000 }, () =>
  compareWithMap(25),
)
