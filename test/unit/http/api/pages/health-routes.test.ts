import { expect, test } from 'vitest'
import { bearer, guarded } from '../../guarded.ts'

test('/readyz tells of the ring whom it tells of the rest, and nobody else', async () => {
  const { url, store } = await guarded()
  const { status } = store
  const ring = { version: 'cafe=7', self: 'a:1', owns: '0-9999', home: 'a:1', positions: 1, change: null }
  store.status = () => ({ ...status(), ring })
  expect(await (await fetch(`${url}/readyz`, { headers: bearer('admin') })).json()).toMatchObject({ ring })
  expect(await (await fetch(`${url}/readyz`)).json()).toEqual({ state: 'serving' })
})
