import { describe } from 'vitest'
import { makePostgresLogServer } from './postgres-log-server.ts'
import { describeLog } from './suite.ts'

describe('the log in Postgres', () => describeLog(makePostgresLogServer))
