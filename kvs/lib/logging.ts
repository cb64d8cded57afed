/** The log lines of the service, as its rooms write them. */
export interface Logger {
  info(message: string): void
  warn(message: string): void
  error(message: string): void
}
