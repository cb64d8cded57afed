export { watchTls } from './certificate-reload.ts'
export { hidden, type Part, problemsOf, type Tls, type TlsFiles, type TlsTexts } from './pem-files.ts'
