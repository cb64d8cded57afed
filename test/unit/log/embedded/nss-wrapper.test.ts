import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { adviceOnUserName, userNameVariables } from '../../../../kvs/log/embedded/nss-wrapper.ts'
import { makeDirectory } from '../../../support/node.ts'
import { describeOnLinux } from '../../../support/skips.ts'

const nobodys = 1_234_567

test('a user with a name is left alone', async () => {
  const file = join(makeDirectory(), 'passwd')
  expect(await userNameVariables(process.getuid?.(), file)).toEqual({})
  expect(existsSync(file)).toBe(false)
})

describeOnLinux('the name of a user', () => {
  test('a user without one is given one, in a file of its own', async () => {
    const file = join(makeDirectory(), 'passwd')
    expect(await userNameVariables(nobodys, file)).toMatchObject({
      NSS_WRAPPER_PASSWD: file,
      LD_PRELOAD: 'libnss_wrapper.so',
    })
    expect(readFileSync(file, 'utf8')).toBe(`kvs:x:${nobodys}:0::/:/bin/false\n`)
  })
})

test('where that did not help, the error says what will', () => {
  const said = 'initdb: could not look up effective user ID 1234567: user does not exist'
  expect(adviceOnUserName(said)).toMatch(/install libnss-wrapper/)
  expect(adviceOnUserName('initdb: error: something else')).toBe('')
})
