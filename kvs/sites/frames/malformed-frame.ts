/** What came is not what a sound site sends. Its message says what was wrong. Nothing after it can be read. */
export class MalformedFrame extends Error {
  override readonly name = 'MalformedFrame'
}
