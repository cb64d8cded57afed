import { makeMemoryLogServer } from './memory-log-server.ts'
import { describeLog } from './suite.ts'

describeLog('the log in memory', makeMemoryLogServer)
