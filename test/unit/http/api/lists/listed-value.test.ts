import { expect, test } from 'vitest'
import { listedValue, maxShownBytes, textBytesOf } from '../../../../../kvs/http/api/lists/listed-value.ts'

/** Size of a value's text in bytes, without the quotes around it. */
function textOf(value: Buffer): number {
  const found = { value, contentType: undefined, tag: undefined, modifiedAt: undefined, deadline: undefined }
  const shown = JSON.parse(listedValue('k', found))
  return Buffer.byteLength(JSON.stringify(shown.value ?? shown.base64)) - 2
}

test.each([
  ['letters', Buffer.alloc(1_000, 'a')],
  ['control characters', Buffer.alloc(1_000, 1)],
  ['quotes and backslashes', Buffer.from('"\\'.repeat(500))],
  ['letters of several bytes', Buffer.from('é😀'.repeat(200))],
  ['bytes that are no text', Buffer.alloc(1_001, 0xff)],
])('the text of %s counts as a string and encoded', (_, value) => {
  expect(textBytesOf(value)).toBeGreaterThanOrEqual(2 * textOf(value))
  expect(textBytesOf(value)).toBeLessThanOrEqual(4 * textOf(value))
})

test('a value that is too large to be shown has no text', () => {
  expect(textBytesOf(Buffer.alloc(maxShownBytes + 1))).toBe(0)
})
