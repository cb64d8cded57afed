import { expect, test } from 'vitest'
import { slotOf } from '../../../../../kvs/core/ring/key-slot.ts'
import { makeDraw } from '../../../../../tools/bench/load/draw.ts'
import { keyFor, valueFor } from '../../../../../tools/bench/load/entries.ts'
import { endOfAnswer } from '../../../../../tools/bench/load/http.ts'
import { parsePgbench, parseTimes } from '../../../../../tools/bench/load/pgbench.ts'
import { parseRedisBenchmark } from '../../../../../tools/bench/load/redis-benchmark.ts'
import { parseWrk } from '../../../../../tools/bench/load/wrk.ts'

const wrk = (errors: string) => `Running 1s test @ http://127.0.0.1:1
  1 threads and 32 connections
  5853 requests in 1.10s, 634.46KB read

RESULT {"requests":5853,"seconds":1.1,"generatorSeconds":0.2,"p50":0.382,"p99":1.1,"p999":2,"max":2.239,"errors":{${errors}}}
`

test('wrk’s last line is its result', () => {
  expect(parseWrk(wrk('"connect":0,"read":0,"write":0,"timeout":0,"status":0'))).toEqual({
    ...{ requests: 5853, seconds: 1.1, generatorSeconds: 0.2 },
    latency: { p50: 0.382, p99: 1.1, p999: 2, max: 2.239 },
  })
})

test('a run with any error does not count', () => {
  expect(parseWrk(wrk('"read":2,"status":7')).problem).toBe('2 failed reads, 7 answers that were not 2xx')
  expect(() => parseWrk('unable to connect to 127.0.0.1:1 Connection refused')).toThrow('unable to connect')
})

test('pgbench tells transactions, rate and failures', () => {
  const output = `transaction type: insert.sql
query mode: prepared
number of transactions actually processed: 37602
number of failed transactions: 0 (0.000%)
latency average = 0.851 ms
initial connection time = 12.1 ms
tps = 12534.000000 (without initial connection time)
`
  expect(parsePgbench(output)).toEqual({ requests: 37602, seconds: 3 })
  expect(parsePgbench(output.replace('failed transactions: 0', 'failed transactions: 3')).problem).toBe(
    '3 failed transactions',
  )
  expect(() => parsePgbench('pgbench: error: connection refused')).toThrow('connection refused')
})

test('pgbench’s log has the time of each transaction', () => {
  expect([...parseTimes('0 1 71 0 1700000000 12\n0 2 1250 0 1700000000 99\n')]).toEqual([0.071, 1.25])
  expect([...parseTimes('')]).toEqual([])
})

test('redis-benchmark’s table is read by its headings', () => {
  const output = `"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"
"SET","50000.00","0.3","0.1","0.29","0.5","0.9","3.1"`
  expect(parseRedisBenchmark(output, 100_000)).toMatchObject({
    ...{ requests: 100_000, seconds: 2 },
    latency: { p50: 0.29, p99: 0.9, max: 3.1 },
  })
  expect(() => parseRedisBenchmark('Could not connect to Redis', 1)).toThrow('Could not connect')
})

test('the end of an answer is where its length says', () => {
  const head = 'HTTP/1.1 200 OK\r\nEtag: "1"\r\nContent-length: 3'
  expect(endOfAnswer(`${head}\r\n\r\nabcHTTP`)).toBe(head.length + 7)
  expect(endOfAnswer(head)).toBeUndefined()
  expect(() => endOfAnswer('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')).toThrow('without a length')
})

test('values are whole, differ, and are the same in every run', () => {
  expect(keyFor(12345)).toBe('key-0000012345')
  expect(valueFor(7, 100)).toHaveLength(100)
  expect(valueFor(65_535, 64 * 1024)).toHaveLength(64 * 1024)
  expect(new Set(Array.from({ length: 1000 }, (_, index) => valueFor(index, 100))).size).toBeGreaterThan(950)
})

test('requests come in the mix that was asked for, frequent keys often', () => {
  const draw = makeDraw({
    ...{ api: 'kvs', gets: 50, deletes: 10, keys: 1000, distribution: 'zipfian', bytes: [10, 4096], seed: 1 },
  })
  const requests = Array.from({ length: 10_000 }, draw)
  const share = (method: string) => requests.filter((request) => request.startsWith(method)).length / requests.length
  expect(share('GET')).toBeCloseTo(0.5, 1)
  expect(share('DELETE')).toBeCloseTo(0.1, 1)
  const most = requests.filter((request) => request.includes(' /v1/key-0000000000 ')).length
  expect(most / requests.length).toBeGreaterThan(0.1)
})

test('only keys of the slots that are asked for are drawn', () => {
  const draw = {
    api: 'kvs',
    gets: 100,
    deletes: 0,
    keys: 1_000,
    distribution: 'uniform',
    bytes: [1, 1],
    seed: 1,
  } as const
  const next = makeDraw({ ...draw, slots: '0-2999,9000-9999' })
  const drawn = Array.from({ length: 500 }, () => slotOf(/^GET \/v1\/(\S+)/.exec(next())?.[1] ?? ''))
  expect(drawn.filter((slot) => slot > 2_999 && slot < 9_000)).toEqual([])
  expect(drawn.some((slot) => slot <= 2_999) && drawn.some((slot) => slot >= 9_000)).toBe(true)
  expect(() => makeDraw({ ...draw, slots: '5-4' })).toThrow('there are no slots 5-4')
})
