/** A service that runs as processes of this machine. */
export interface LocalService {
  start(): Promise<void>
  kill(): Promise<void>
  /** Sends SIGTERM and resolves with the exit code. */
  stop(): Promise<number>
  pause(): Promise<void>
  resume(): Promise<void>
}
