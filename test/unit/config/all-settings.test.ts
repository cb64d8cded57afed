import { expect, test } from 'vitest'
import { serviceSettings, settings } from '../../../kvs/config/all-settings.ts'
import { text } from '../../../kvs/config/parsers.ts'
import type { Setting } from '../../../kvs/config/settings-table.ts'

test('each name is there once', () => {
  const names = settings.map(({ name }) => name)
  expect(names).toEqual([...new Set(names)])
})

test.each(settings.filter((setting) => setting.default !== undefined))('the default of $name parses', (setting) => {
  expect(() => setting.parse(setting.default ?? '')).not.toThrow()
})

test.each<Setting>(Object.values(serviceSettings))('$name has a default', (setting) => {
  expect(setting.default).not.toBe('')
})

test.each(settings)('the purpose of $name fits a cell of a table', ({ purpose }) => {
  expect(purpose).toMatch(/^[^|\n]{3,90}[^.|\n]$/)
})

test('what can hold a password is marked secret, and its parser has nothing to say of it', () => {
  const secret = settings.filter((setting) => setting.secret)
  expect(secret.map(({ name }) => name)).toEqual(['DATABASE_URL', 'POSTGRES_PASSWORD', 'KVS_TOKENS'])
  for (const { parse } of secret) expect(parse).toBe(text)
})
