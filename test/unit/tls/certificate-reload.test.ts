import { writeFileSync } from 'node:fs'
import { expect, onTestFinished, test, vi } from 'vitest'
import { readServerTls } from '../../../kvs/config/tls-config.ts'
import { startTlsReload } from '../../../kvs/tls/certificate-reload.ts'
import { makeAuthority } from '../../support/certificates.ts'

test('a byte order mark makes no change of what is in use', async () => {
  vi.useFakeTimers({ toFake: ['setInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  const { cert, key, certFile, keyFile } = makeAuthority().issue('server')
  writeFileSync(certFile, `\uFEFF${cert}`)
  writeFileSync(keyFile, `\uFEFF${key}`)
  const problems: string[] = []
  const tls = readServerTls({ cert: certFile, key: keyFile }, problems, [])
  expect([problems, tls?.texts.cert]).toEqual([[], cert])
  const apply = vi.fn()
  const warn = vi.fn()
  const [look] = startTlsReload(tls, apply, { info: vi.fn(), warn })
  await look?.()
  expect(apply).not.toHaveBeenCalled()
  writeFileSync(certFile, cert)
  await look?.()
  expect(apply).not.toHaveBeenCalled()
})
