import { describeFuzzing } from './fuzzing.ts'

describeFuzzing(Number(process.env.KVS_FUZZ_SECONDS ?? 15))
