import { defineConfig } from 'vitest/config'

const report = process.env.TEST_REPORT

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/support/global-setup.ts',
    testTimeout: 60_000,
    hookTimeout: 300_000, // building an image from nothing
    maxWorkers: 2,
    ...(report && { reporters: ['default', 'json'], outputFile: { json: report } }),
  },
})
