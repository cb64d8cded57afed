import { describe } from 'vitest'
import { makeMemoryLogServer } from './memory-log-server.ts'
import { describeLog } from './suite.ts'

describe('the log in memory', () => describeLog(makeMemoryLogServer))
