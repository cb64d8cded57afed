/** Loaded before the service: tells the benchmark every so often what the process holds. */
const every = Number(process.env.BENCH_REPORT_MS ?? '5000')
setInterval(() => process.send?.({ memory: process.memoryUsage() }), every).unref()
process.channel?.unref()
