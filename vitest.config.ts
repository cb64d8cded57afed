import { configDefaults, defineConfig } from 'vitest/config'

/** Options of both suites; vitest.long.config.ts is the other one. */
export const shared = {
  globalSetup: 'test/support/global-setup.ts',
  testTimeout: 60_000,
  hookTimeout: 300_000, // building an image from nothing
  maxWorkers: 2,
  ...reporting(process.env.TEST_REPORT),
}

/** Writes a JSON report as well if a file for it is named. */
function reporting(file: string | undefined) {
  return file ? { reporters: ['default', 'json'], outputFile: { json: file } } : {}
}

export default defineConfig({
  test: {
    ...shared,
    include: ['test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, 'test/**/*.long.test.ts'],
  },
})
