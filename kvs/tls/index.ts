export { startTlsReload } from './certificate-reload.ts'
export { findTlsProblems, makeTlsTexts, type Part, type Tls, type TlsFiles, type TlsTexts } from './pem-files.ts'
