/** Loaded before the service, it sends the benchmark the memory usage of the process at an interval. */
const every = Number(process.env.BENCH_REPORT_MS ?? '5000')
setInterval(() => process.send?.({ memory: process.memoryUsage() }), every).unref()
process.channel?.unref()
