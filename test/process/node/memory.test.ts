import { expect, test, vi } from 'vitest'
import { describeOnLinux } from '../../support/skips.ts'
import { upload } from '../../support/uploads.ts'
import { budget, expectAllIn, mebibyte, presses, start } from './memory-pressure.ts'

vi.setConfig({ testTimeout: 300_000 })

describeOnLinux('what requests hold in memory stays within 1.5 times KVS_MAX_WAITING_BYTES', () => {
  test('with values of 1 MiB from 200 clients', async () => {
    const { postgres, node, peak } = await start()
    const uploads = upload(node, 200, mebibyte)
    await presses(uploads, 80)
    await uploads.stop()
    expect(peak()).toBeLessThan(1.5 * budget)
    await expectAllIn(postgres, uploads)
  })
})
