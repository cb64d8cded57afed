import { describe, expect, test } from 'vitest'
import { problem, startScript } from './scripted.ts'

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const committed = { body: { position: 'log=9', results: [] } }

describe('a transaction', () => {
  test('goes as the service reads it', async () => {
    const { client, seen } = await startScript(committed)
    await client().transact({
      if: [
        { key: 'a', etag: '"12"' },
        { key: 'b', etag: null },
      ],
      do: [
        { put: 'a', value: 'ä', contentType: 'text/x', ttl: 1_500 },
        { put: 'b', value: new Uint8Array([255, 0]), expires: new Date(0) },
        { delete: 'c' },
        { add: 'n', by: -1 },
        { min: 'n', by: 2n ** 63n - 1n },
        { max: 'n', by: 3 },
      ],
    })
    expect(seen).toMatchObject([{ method: 'POST', path: '/v1/:', headers: { 'content-type': 'application/json' } }])
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({
      if: [
        { key: 'a', etag: '"12"' },
        { key: 'b', etag: null },
      ],
      do: [
        { put: 'a', value: 'ä', contentType: 'text/x', ttl: '1500ms' },
        { put: 'b', base64: '/wA=', expires: '1970-01-01T00:00:00.000Z' },
        { delete: 'c' },
        { add: 'n', by: '-1' },
        { min: 'n', by: '9223372036854775807' },
        { max: 'n', by: '3' },
      ],
    })
  })

  test('long bytes go whole', async () => {
    const { client, seen } = await startScript(committed)
    const bytes = Uint8Array.from({ length: 100_001 }, (_, index) => index * 7)
    await client().transact({ do: [{ put: 'a', value: bytes }] })
    const [{ base64 }] = JSON.parse(seen[0]?.body ?? '').do
    expect(Buffer.from(base64, 'base64').equals(bytes)).toBe(true)
  })

  test('has the position and a result for each operation', async () => {
    const { client } = await startScript({
      body: {
        position: 'log=9',
        results: [
          { key: 'a', etag: '"8"' },
          { key: 'b', etag: null },
          { key: 'n', etag: '"9"', value: '9007199254740993' },
        ],
      },
    })
    expect(await client().transact({ do: [{ delete: 'a' }] })).toEqual({
      position: 'log=9',
      results: [
        { key: 'a', etag: '"8"', value: undefined },
        { key: 'b', etag: undefined, value: undefined },
        { key: 'n', etag: '"9"', value: 9_007_199_254_740_993n },
      ],
    })
  })

  test('tells which conditions do not hold', async () => {
    const failed = [{ index: 1, key: 'b', etag: '"7"' }]
    const { client } = await startScript({ status: 412, body: { failed } })
    await expect(client().transact({ do: [{ delete: 'a' }] })).rejects.toMatchObject({
      name: 'KvsError',
      code: 'condition_failed',
      status: 412,
      failed,
      isUndecided: false,
    })
  })

  test('is sent again under one Idempotency-Key, with the same body', async () => {
    const { client, seen } = await startScript('break', problem(503, 'log_down'), committed)
    await client().transact({ do: [{ put: 'a', value: 'x' }] })
    expect(seen).toHaveLength(3)
    const keys = new Set(seen.map(({ headers }) => headers['idempotency-key']))
    expect([...keys]).toEqual([expect.stringMatching(uuid)])
    expect(new Set(seen.map(({ body }) => body)).size).toBe(1)
  })

  test('takes an Idempotency-Key of its caller’s', async () => {
    const { client, seen } = await startScript(committed)
    await client().transact({ do: [{ delete: 'a' }] }, { idempotencyKey: 'order-7' })
    expect(seen).toMatchObject([{ headers: { 'idempotency-key': 'order-7' } }])
  })

  test('is refused where a number is none', async () => {
    const { client } = await startScript(committed)
    for (const by of [0.5, 2 ** 53, Number.NaN]) {
      await expect(client().transact({ do: [{ add: 'n', by }] })).rejects.toThrow(TypeError)
    }
  })

  test('with an answer that is none is an error', async () => {
    const { client } = await startScript({ body: { results: [] } }, { body: 'nonsense' }, { body: 'null' })
    for (let count = 0; count < 3; count++) {
      await expect(client().transact({ do: [{ delete: 'a' }] })).rejects.toMatchObject({ code: 'bad_answer' })
    }
  })
})

describe('a counter', () => {
  test('is asked by its query, and answers with all its digits', async () => {
    const { client, seen } = await startScript(
      { body: '9223372036854775807' },
      { body: '-3\n' },
      { body: '0' },
      { body: '1' },
    )
    const one = client()
    expect(await one.add('n/1', 5)).toBe(2n ** 63n - 1n)
    expect(await one.min('n', -3)).toBe(-3n)
    expect(await one.max('n', 0n)).toBe(0n)
    expect(await one.add('n')).toBe(1n)
    expect(seen.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'POST /v1/n/1?add=5',
      'POST /v1/n?min=-3',
      'POST /v1/n?max=0',
      'POST /v1/n?add=1',
    ])
  })

  test('counts once, however often it is sent', async () => {
    const { client, seen } = await startScript('break', 'break', { body: '1' })
    await client().add('n')
    const keys = new Set(seen.map(({ headers }) => headers['idempotency-key']))
    expect([seen.length, ...keys]).toEqual([3, expect.stringMatching(uuid)])
  })

  test('that is no number is an error of the service, and so is an answer that is none', async () => {
    const { client } = await startScript(problem(409, 'not_a_number'), { body: 'x' })
    await expect(client().add('n')).rejects.toMatchObject({ code: 'not_a_number', status: 409 })
    await expect(client().add('n')).rejects.toMatchObject({ code: 'bad_answer' })
    await expect(client().add('n', 0.5)).rejects.toThrow(TypeError)
  })
})
