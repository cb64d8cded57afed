import { makePostgresLogServer } from './postgres-log-server.ts'
import { describeLog } from './suite.ts'

describeLog('the log in Postgres', makePostgresLogServer)
