/** Takes log lines from the rooms of the service. kvs/logger implements it. */
export interface Logger {
  info(message: string): void
  warn(message: string): void
  error(message: string): void
}
